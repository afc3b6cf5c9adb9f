package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"letstalk/store"
)

// ErrRehearsed means that a sign-in was a rehearsal and has come back: what became of it is kept for whoever waits for it,
// and nobody was signed in.
var ErrRehearsed = errors.New("sign-in was a rehearsal")

// Rehearsed is what a sign-in would have brought. It holds no token.
type Rehearsed struct {
	Error string `json:"error,omitempty"` // why it failed, in words fit for a log; then the rest is as far as it came

	Subject  string    `json:"subject"`
	Name     string    `json:"name"`
	Email    string    `json:"email"`
	Groups   []string  `json:"groups"`
	Claims   []string  `json:"claims"`    // names of all claims, of the ID token and the userinfo endpoint
	InfoDown bool      `json:"info_down"` // the provider has a userinfo endpoint, and it did not answer
	Refresh  bool      `json:"refresh"`   // a refresh token came
	SID      bool      `json:"sid"`
	AuthAt   time.Time `json:"auth_at,omitzero"`
	ACR      string    `json:"acr"`

	// What the policy decides, as in Decision.
	Known   bool          `json:"known"`
	Note    string        `json:"note"`
	Refused string        `json:"refused"`
	Access  *store.Access `json:"access"`
}

// ParseRehearsed returns what became of a rehearsal from the outcome that the store has.
func ParseRehearsed(outcome string) (Rehearsed, error) {
	var r Rehearsed
	if err := json.Unmarshal([]byte(outcome), &r); err != nil {
		return Rehearsed{}, fmt.Errorf("outcome of a rehearsal: %w", err)
	}
	return r, nil
}

// NewRehearsal returns a ticket for a rehearsal, as it stands in the address that begins it.
func NewRehearsal() (ticket string) { return randomToken() }

// KeptRehearsal returns a ticket as the store and [Wish] have it: hashed, so that who reads the database can't begin.
func KeptRehearsal(ticket string) string { return hash(ticket) }

// finishRehearsal keeps what became of a rehearsal and returns ErrRehearsed, or why that could not be done.
func (a *Auth) finishRehearsal(ctx context.Context, kept string, r Rehearsed) error {
	outcome, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := a.store.FinishRehearsal(ctx, kept, string(outcome)); err != nil {
		return fmt.Errorf("finish rehearsal: %w", err)
	}
	return ErrRehearsed
}
