package store

import (
	"context"
	"time"
)

// LoginID names one sign-in of one person.
type LoginID int64

// Attempt is a sign-in that has been sent to the identity provider and has not come back.
type Attempt struct {
	State    string // the OAuth state parameter, 256 random bits
	Browser  string // hash of the cookie of the browser that started it
	Nonce    string // the nonce the ID token must carry
	Verifier string // the PKCE code verifier
	Return   string // the path to go to afterwards, already checked to be of this site
}

// NewLogin is a sign-in about to be recorded.
type NewLogin struct {
	Identity Identity
	SID      string        // the provider's session id, empty if it gave none
	Tokens   []byte        // encrypted by the caller; the store never sees them in the clear
	Address  string        // the address the browser came from
	Agent    string        // the browser's User-Agent
	Lifetime time.Duration // how long the login may live at most
	Idle     time.Duration // how long it may go unused; zero for no limit
}

// Login is a sign-in that is live: not ended, not expired, of a person who may come in.
type Login struct {
	ID        LoginID
	User      User
	SID       string
	Tokens    []byte
	CreatedAt time.Time
	SeenAt    time.Time // accurate to what TouchLogin was told
	ExpiresAt time.Time // the absolute end
}

// Logins keeps who is signed in. It is the authority: whatever a cookie or a session says, a login that is not live here
// is over.
type Logins interface {
	// CreateAttempt remembers an attempt for ttl.
	CreateAttempt(ctx context.Context, a Attempt, ttl time.Duration) error
	// TakeAttempt returns the attempt with that state and browser and forgets it in the same step, so that a state works
	// once. ErrNotFound if it never was, was taken, has run out or belongs to another browser.
	TakeAttempt(ctx context.Context, state, browser string) (Attempt, error)

	// CreateLogin records a sign-in, creating the person or refreshing what is known of them. ErrForbidden if the person
	// is locked out, *InvalidError if Issuer or Subject is empty or no text. Other bytes that are no characters are
	// replaced.
	CreateLogin(ctx context.Context, l NewLogin) (Login, error)
	// Login returns a live login, or ErrNotFound.
	Login(ctx context.Context, id LoginID) (Login, error)
	// TouchLogin notes that a live login is in use now; on one that is not live it does nothing.
	TouchLogin(ctx context.Context, id LoginID) error
	// EndLogin ends a login for good and forgets its tokens. Ending one that is over already does nothing.
	EndLogin(ctx context.Context, id LoginID) error
	// LiveLogins returns those of ids that are live, in the order given.
	LiveLogins(ctx context.Context, ids []LoginID) ([]LoginID, error)
}

// Sessions keeps the opaque data behind session cookies. Tokens arrive hashed.
type Sessions interface {
	// Session returns the data kept for token, or ErrNotFound if there is none or it has expired.
	Session(ctx context.Context, token string) ([]byte, error)
	// SaveSession keeps data for token until expires, replacing what was there.
	SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error
	// DeleteSession forgets token; forgetting an unknown one does nothing.
	DeleteSession(ctx context.Context, token string) error
}
