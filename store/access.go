package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Demand is how sure a room wants to be of who enters: how lately the person proved to the provider who they are, and how
// strongly. The zero Demand asks for nothing beyond a live login.
type Demand struct {
	// MaxAge is how long ago that may have been, in whole seconds; zero for any time.
	MaxAge time.Duration
	// ACR lists the authentication context classes that will do, with spaces between and the preferred first; empty for
	// any. What they are called is up to the provider (OpenID Connect Core 1.0, acr_values).
	ACR string
}

// Limits of a Demand.
const (
	MinMaxAge = time.Minute
	MaxMaxAge = 30 * 24 * time.Hour
	MaxACR    = 500 // bytes
)

// Check returns the demand in the form in which it is kept, or an *InvalidError.
func (d Demand) Check() (Demand, error) {
	d.ACR = strings.Join(strings.Fields(d.ACR), " ")
	switch {
	case d.MaxAge != 0 && (d.MaxAge < MinMaxAge || d.MaxAge > MaxMaxAge || d.MaxAge%time.Second != 0):
		return d, &InvalidError{"max_age", "A sign-in may be from one minute to thirty days old."}
	case len(d.ACR) > MaxACR:
		return d, &InvalidError{"acr", "These are too many names of ways to sign in."}
	case strings.ContainsFunc(d.ACR, func(r rune) bool { return r < ' ' || r > '~' }):
		return d, &InvalidError{"acr", "Names of ways to sign in are plain letters, digits and signs, with spaces between."}
	}
	return d, nil
}

// MetUntil returns until when a login meets the demand: zero time if it does not at a moment, far in the future if it does
// as long as it lives.
func (d Demand) MetUntil(l Login, now time.Time) time.Time {
	if d.ACR != "" && !slices.Contains(strings.Fields(d.ACR), l.ACR) {
		return time.Time{}
	}
	if d.MaxAge == 0 {
		return l.ExpiresAt
	}
	until := l.AuthAt.Add(d.MaxAge)
	if l.AuthAt.IsZero() || !now.Before(until) {
		return time.Time{}
	}
	return until
}

// String says what the demand asks for, as the rest of a sentence.
func (d Demand) String() string {
	var parts []string
	if d.MaxAge != 0 {
		parts = append(parts, "a sign-in within the last "+strings.TrimPrefix(Span(d.MaxAge), "1 "))
	}
	if d.ACR != "" {
		parts = append(parts, "a sign-in by "+strings.Join(strings.Fields(d.ACR), " or "))
	}
	if parts == nil {
		return "nothing but being signed in"
	}
	return strings.Join(parts, " and ")
}

// Span says a length of time in words, in the largest unit that it is a whole number of.
func Span(d time.Duration) string {
	n, name := int64(d/time.Second), "second"
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.length && d%unit.length == 0 {
			n, name = int64(d/unit.length), unit.name
			break
		}
	}
	if n != 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}

// Access is what the provider's claims give a person, beyond what open rooms give everybody.
type Access struct {
	// Admin is the claim that makes the person an administrator, as Grant.Claim; empty if none does.
	Admin string
	// Rooms are the memberships, at most one for each room.
	Rooms []Grant
}

// Grant is a membership that a claim gives.
type Grant struct {
	Room string // its name; a room of that name that does not exist is made, a private one
	Role Role
	// Claim says for people what gives it, for example: groups has "eng-web", by the rule eng-*=Engineering:moderator
	Claim string
}

// Reason is one reason why somebody may enter a room. A person may have several.
type Reason struct {
	Role  Role
	Claim string    // the claim that gives the role; empty if it was given by hand
	By    Person    // who gave it by hand; the zero Person if that is not known
	At    time.Time // when; zero if that is not known
}

// RoomReasons are the reasons why somebody may enter a room; none if the room is open and that is all.
type RoomReasons struct {
	Room    Room
	Reasons []Reason
}

// Standing is all that a person may do, and why.
type Standing struct {
	User  User
	Rooms []RoomReasons // in the order the rooms were made
}

// People is what administrators do about people. The viewer of its methods must be an administrator, or Operator: everybody
// else gets ErrForbidden. Changes of rights are in the audit log, and live, in the same transaction.
type People interface {
	// Users returns the people whose name or e-mail address contains some text, without regard to case, by name; the first
	// limit of them.
	Users(ctx context.Context, viewer UserID, containing string, limit int) ([]User, error)
	// SetUserActive lets a person in or locks them out, and returns the logins that ended by that. A person locked out has
	// no live login; their messages stay. ErrConflict if the viewer would lock themselves out, ErrNotFound for an unknown
	// person.
	SetUserActive(ctx context.Context, viewer, user UserID, active bool) ([]LoginID, error)
	// SetAdmin makes a person an administrator by hand, or no longer. What a claim gives stays. ErrConflict if the viewer
	// would step down themselves, ErrNotFound for an unknown person.
	SetAdmin(ctx context.Context, viewer, user UserID, admin bool) error
	// Standing returns all that a person may do, as far as the viewer may see the rooms. People may ask about themselves.
	Standing(ctx context.Context, viewer, user UserID) (Standing, error)
}
