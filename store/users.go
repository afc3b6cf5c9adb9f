package store

import (
	"context"
	"time"
)

// UserID names a person. It is a row number of the store, never shown as a secret and never reused.
type UserID int64

// Identity is who the identity provider says somebody is. Issuer and Subject are the person; everything else is
// decoration that each sign-in refreshes.
type Identity struct {
	Issuer  string
	Subject string
	Name    string
	Email   string
	Groups  []string
}

// User is a person who has signed in at least once.
type User struct {
	ID       UserID
	Identity Identity
	// Active is false once an administrator has locked the person out.
	Active    bool
	CreatedAt time.Time
}

// Person is what others see of a user.
type Person struct {
	ID   UserID
	Name string
}

// Person returns what others see of the user.
func (u User) Person() Person { return Person{ID: u.ID, Name: u.Identity.Name} }

// Users keeps the people.
type Users interface {
	// User returns a person by id, or ErrNotFound.
	User(ctx context.Context, id UserID) (User, error)
	// SetUserActive lets a person in or locks them out. A person locked out has no live login.
	SetUserActive(ctx context.Context, id UserID, active bool) error
}
