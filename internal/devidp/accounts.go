package devidp

import (
	"fmt"
	"slices"
)

// maxOffered is how many accounts a login page offers when the client has said who is to sign in. Thousands of made-up
// people, for a load test, make a page that takes longer than the rest of the sign-in.
const maxOffered = 20

// Account is a person that the login page offers.
type Account struct {
	Username string // what the login form sends
	Subject  string // the sub claim: opaque, and the same in every run
	Name     string
	Email    string // always released as verified
	Groups   []string
}

func people() []Account {
	return []Account{
		{
			Username: "alice",
			Subject:  "6f1c6ef4-2a54-4d0b-9d7e-0a51c2f7a001",
			Name:     "Alice Adams",
			Email:    "alice@example.org",
			Groups:   []string{"staff", "admins"},
		},
		{
			Username: "bob",
			Subject:  "b3a8f0de-7c15-4c86-8f63-5d2e9b40b002",
			Name:     "Bob Brown",
			Email:    "bob@example.org",
			Groups:   []string{"staff"},
		},
		{
			Username: "carol",
			Subject:  "c94d1b72-0e6f-4b39-a1d8-7f83e6c5c003",
			Name:     "Carol Chen",
			Email:    "carol@example.org",
			Groups:   []string{"staff"},
		},
		{
			// A name that shows every place which forgets to escape it or lets it turn the line around.
			Username: "mallory",
			Subject:  "e07b25a9-93cd-4f1e-b6f4-3c18d9a7d004",
			Name:     "Mallory <script>alert(1)</script> \u202e\"&' O'Hara",
			Email:    "mallory@example.org",
			Groups:   []string{},
		},
	}
}

func checkAccounts(accounts []Account) ([]Account, error) {
	if len(accounts) == 0 {
		return people(), nil
	}
	usernames, subjects := make(map[string]bool, len(accounts)), make(map[string]bool, len(accounts))
	for _, a := range accounts {
		if a.Username == "" || a.Subject == "" || usernames[a.Username] || subjects[a.Subject] {
			return nil, fmt.Errorf("devidp: account %q needs a username and a subject that no other account has", a.Username)
		}
		usernames[a.Username], subjects[a.Subject] = true, true
	}
	return slices.Clone(accounts), nil
}

// offered returns the accounts the login page shows: all of them, or of many only the one the client hinted at.
func (p *Provider) offered(hinted string) []Account {
	if hinted != "" && len(p.people) > maxOffered {
		return slices.DeleteFunc(slices.Clone(p.people), func(a Account) bool { return a.Username != hinted })
	}
	return p.people
}

func (p *Provider) account(username string) (Account, bool) {
	i := slices.IndexFunc(p.people, func(a Account) bool { return a.Username == username })
	if i < 0 {
		return Account{}, false
	}
	return p.people[i], true
}

// claims returns what the scopes release about the person (OpenID Connect Core 1.0 §5.4). Groups have no standard
// scope: they come with "groups" and, because many clients cannot ask for that, with "profile" too.
func (a Account) claims(scopes []string) map[string]any {
	claims := map[string]any{"sub": a.Subject}
	if slices.Contains(scopes, "profile") {
		claims["name"] = a.Name
		claims["preferred_username"] = a.Username
		claims["groups"] = a.Groups
	}
	if slices.Contains(scopes, "email") {
		claims["email"] = a.Email
		claims["email_verified"] = true
	}
	if slices.Contains(scopes, "groups") {
		claims["groups"] = a.Groups
	}
	return claims
}
