package store

import (
	"context"
	"time"
)

// LoginID names one sign-in of one person.
type LoginID int64

// Attempt is a sign-in that has been sent to the identity provider and has not come back.
type Attempt struct {
	State     string // the OAuth state parameter, 256 random bits
	Browser   string // hash of the cookie of the browser that started it
	Nonce     string // the nonce the ID token must carry
	Verifier  string // the PKCE code verifier
	Return    string // the path to go to afterwards, already checked to be of this site
	Demand    Demand // what the person has to prove beyond who they are
	Rehearsal string // the ticket of the rehearsal it is for; empty for a sign-in in earnest
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
	AuthAt   time.Time     // when the person proved to the provider who they are; zero if it did not say
	ACR      string        // how they did, as the provider calls it; empty if it did not say
	Recheck  time.Duration // how soon the provider is to be asked again; zero for never
	// Access is what the provider's claims give the person; nil if that is not known, then it stays as it was.
	Access *Access
}

// Login is a sign-in that is live: not ended, not expired, of a person who may come in.
type Login struct {
	ID        LoginID
	User      User
	SID       string
	Tokens    []byte
	Address   string
	Agent     string
	CreatedAt time.Time
	SeenAt    time.Time // accurate to what TouchLogin was told
	ExpiresAt time.Time // the absolute end
	AuthAt    time.Time
	ACR       string
	RecheckAt time.Time // when the provider is to be asked again; zero for never
}

// Cause is why a login ended.
type Cause string

// The causes. The store itself finds the last three.
const (
	SignedOut    Cause = "signed out"          // by Log Out in that browser
	EndedByOwner Cause = "ended by the person" // on the page of their sessions
	EndedByAdmin Cause = "ended by an administrator"
	AtProvider   Cause = "signed out at the provider"
	Refused      Cause = "refused by the provider" // at a re-check
	NotAllowed   Cause = "no longer allowed"       // by ALLOWED_GROUPS or ALLOWED_DOMAINS, at a re-check
	Replaced     Cause = "another person signed in"
	Abandoned    Cause = "never used" // the browser could not be told of it
	Deactivated  Cause = "person deactivated"
	Expired      Cause = "too old"
	Idle         Cause = "unused for too long"
)

// Ending is how a login ends.
type Ending struct {
	Cause   Cause
	By      UserID // who ends it; zero for nobody in particular
	Address string // the address that asked for it, empty for none
}

// ProviderLogout is what a checked logout token says (OpenID Connect Back-Channel Logout 1.0). Subject or SID may be empty,
// not both.
type ProviderLogout struct {
	Issuer  string
	Subject string
	SID     string
	Token   string    // what tells this token from others of the issuer, its jti
	Expires time.Time // until when the token has to be remembered
	Address string    // the address it came from
}

// Lease is the right to ask the provider about a login, of one process at a time.
type Lease struct {
	Login Login
	Until time.Time // when somebody else may; it also names the lease
}

// Refresh is what a re-check brought.
type Refresh struct {
	Identity Identity
	Tokens   []byte
	Recheck  time.Duration // how soon the provider is to be asked again
	Access   *Access       // as in NewLogin
}

// Logins keeps who is signed in. It is the authority: whatever a cookie or a session says, a login that is not live here
// is over. Sign-ins and endings are in the audit log in the same transaction.
type Logins interface {
	// CreateAttempt remembers an attempt for ttl.
	CreateAttempt(ctx context.Context, a Attempt, ttl time.Duration) error
	// TakeAttempt returns the attempt with that state and browser and forgets it in the same step, so that a state works
	// once. ErrNotFound if it never was, was taken, has run out or belongs to another browser.
	TakeAttempt(ctx context.Context, state, browser string) (Attempt, error)

	// CreateLogin records a sign-in, creating the person or refreshing what is known of them and of what the claims give
	// them. ErrForbidden if the person is locked out, ErrConflict if the provider has ended that session of theirs
	// meanwhile, *InvalidError if Issuer or Subject is empty or no text. Other bytes that are no characters are replaced.
	CreateLogin(ctx context.Context, l NewLogin) (Login, error)
	// RenewLogin records that the person of a live login has signed in again: it is the same login with a new beginning.
	// ErrNotFound if it is not live or of another person; otherwise as CreateLogin.
	RenewLogin(ctx context.Context, id LoginID, l NewLogin) (Login, error)
	// Login returns a live login, or ErrNotFound.
	Login(ctx context.Context, id LoginID) (Login, error)
	// TouchLogin notes that a live login is in use now; on one that is not live it does nothing.
	TouchLogin(ctx context.Context, id LoginID) error
	// EndLogin ends a login for good and forgets its tokens. Ending one that is over already does nothing.
	EndLogin(ctx context.Context, id LoginID, e Ending) error
	// LiveLogins returns those of ids that are live, in the order given.
	LiveLogins(ctx context.Context, ids []LoginID) ([]LoginID, error)

	// UserLogins returns a person's live logins, those seen last first. ErrForbidden unless the viewer is that person or an
	// administrator.
	UserLogins(ctx context.Context, viewer, user UserID) ([]Login, error)
	// EndUserLogin ends a login of a person on behalf of the viewer, with the same rights. ErrNotFound if that person has no
	// such live login.
	EndUserLogin(ctx context.Context, viewer, user UserID, id LoginID, e Ending) error
	// EndUserLogins ends all of a person's logins but one, with the same rights, and returns which; keep may be zero.
	EndUserLogins(ctx context.Context, viewer, user UserID, keep LoginID, e Ending) ([]LoginID, error)
	// EndProviderLogins ends the logins a logout token is about and returns which. ErrConflict if the token was seen before.
	// A login of the same provider session that is being recorded meanwhile is not made.
	EndProviderLogins(ctx context.Context, l ProviderLogout) ([]LoginID, error)
	// ExpireLogins ends the logins that are too old or were unused for too long, and returns which.
	ExpireLogins(ctx context.Context) ([]LoginID, error)
	// EndedLogins returns the logins that ended since a moment, by whatever process, and the moment to ask from next time.
	// It may name a login again. The zero time asks for no login, only for the moment.
	EndedLogins(ctx context.Context, since time.Time) (ended []LoginID, next time.Time, err error)

	// DueLogins returns those of ids that are live and whose RecheckAt has come, unless somebody has the lease.
	DueLogins(ctx context.Context, ids []LoginID) ([]LoginID, error)
	// LeaseLogin takes the right to ask the provider about a live login whose RecheckAt has come, for a time. ErrNotFound if
	// it is not live, not due, or somebody else has the lease.
	LeaseLogin(ctx context.Context, id LoginID, lease time.Duration) (Lease, error)
	// RefreshLogin keeps what a re-check brought, as CreateLogin does. ErrNotFound if the login is over, or was renewed, or
	// leased again.
	RefreshLogin(ctx context.Context, l Lease, r Refresh) (Login, error)
	// RefuseLogin ends a login because of what a re-check brought, under the conditions of RefreshLogin.
	RefuseLogin(ctx context.Context, l Lease, e Ending) error
	// DelayRecheck has a re-check that brought nothing tried again later, under the conditions of RefreshLogin.
	DelayRecheck(ctx context.Context, l Lease, in time.Duration) error
}

// Rehearsals keeps sign-ins that are tried out: an administrator at the machine makes one and waits, the site records what
// became of it.
type Rehearsals interface {
	// CreateRehearsal remembers a ticket for ttl.
	CreateRehearsal(ctx context.Context, ticket string, ttl time.Duration) error
	// Rehearsal returns what became of a rehearsal, empty as long as nothing has. ErrNotFound if there is no such ticket.
	Rehearsal(ctx context.Context, ticket string) (outcome string, err error)
	// FinishRehearsal records what became of it, once: ErrNotFound if there is no such ticket or it is finished.
	FinishRehearsal(ctx context.Context, ticket, outcome string) error
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
