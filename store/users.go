package store

import (
	"context"
	"time"
)

// UserID names a person. It is a row number of the store, never shown as a secret and never reused.
type UserID int64

// Operator stands for whoever runs commands on the machine, and may do what administrators may. No person has this id, and
// no request is ever made on its behalf.
const Operator UserID = -1

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
	Active bool
	// AdminByHand says that an administrator, or the operator, made the person one.
	AdminByHand bool
	// AdminClaim is the claim that makes the person an administrator, as Access.Admin; empty if none does.
	AdminClaim string
	CreatedAt  time.Time
}

// Admin reports whether the person is an administrator.
func (u User) Admin() bool { return u.Active && (u.AdminByHand || u.AdminClaim != "") }

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
	People
}
