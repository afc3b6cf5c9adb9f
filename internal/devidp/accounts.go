package devidp

import (
	"fmt"
	"slices"
	"sync"
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
	Disabled bool // nobody signs in to it, and its tokens are void
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

// directory holds the accounts as they are at the moment. Sessions and tokens name an account and keep no copy of it: what
// an administrator changes shows in the next token.
type directory struct {
	places map[string]int // by username

	mu       sync.Mutex
	accounts []Account // replaced and never changed, so that readers need no copy
}

func newDirectory(accounts []Account) (*directory, error) {
	if len(accounts) == 0 {
		accounts = people()
	}
	d := &directory{places: make(map[string]int, len(accounts)), accounts: cloneAccounts(accounts)}
	subjects := make(map[string]bool, len(accounts))
	for i, a := range accounts {
		_, twice := d.places[a.Username]
		if a.Username == "" || a.Subject == "" || twice || subjects[a.Subject] {
			return nil, fmt.Errorf("devidp: account %q needs a username and a subject that no other account has", a.Username)
		}
		d.places[a.Username], subjects[a.Subject] = i, true
	}
	return d, nil
}

func cloneAccounts(accounts []Account) []Account {
	accounts = slices.Clone(accounts)
	for i := range accounts {
		accounts[i].Groups = cloneGroups(accounts[i].Groups)
	}
	return accounts
}

// cloneGroups never returns nil: no groups is an empty list in a token, not null.
func cloneGroups(groups []string) []string { return append([]string{}, groups...) }

// all returns every account in the order of the login page. The caller must not change them.
func (d *directory) all() []Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.accounts
}

func (d *directory) account(username string) (Account, bool) {
	i, ok := d.places[username]
	if !ok {
		return Account{}, false
	}
	return d.all()[i], true
}

func (d *directory) change(username string, change func(*Account)) {
	i, ok := d.places[username]
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accounts = slices.Clone(d.accounts)
	change(&d.accounts[i])
}

// Accounts returns who can sign in, as they are now, in the order the login page shows them.
func (p *Provider) Accounts() []Account { return cloneAccounts(p.people.all()) }

// SetGroups puts an account into these groups and no others. Clients see that at the next sign-in, refresh or userinfo
// request, as they do with all changes of an account. An unknown username changes nothing.
func (p *Provider) SetGroups(username string, groups ...string) {
	p.people.change(username, func(a *Account) { a.Groups = cloneGroups(groups) })
}

// SetName gives the person of an account another name.
func (p *Provider) SetName(username, name string) {
	p.people.change(username, func(a *Account) { a.Name = name })
}

// Disable locks an account: signing in to it fails with access_denied, its codes and refresh tokens with invalid_grant,
// and its access tokens are no longer good. Its sessions stay, and nobody is told; EndSessions ends them.
func (p *Provider) Disable(username string) {
	p.people.change(username, func(a *Account) { a.Disabled = true })
}

// Enable undoes Disable. Tokens that have not expired meanwhile are good again.
func (p *Provider) Enable(username string) {
	p.people.change(username, func(a *Account) { a.Disabled = false })
}

// offered returns the accounts the login page shows: all of them, or of many only the one the client hinted at.
func (p *Provider) offered(hinted string) []Account {
	all := p.people.all()
	if a, ok := p.people.account(hinted); ok && len(all) > maxOffered {
		return []Account{a}
	}
	return all
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
