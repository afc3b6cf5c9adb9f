package devidp

import (
	"maps"
	"net/http"
	"slices"
)

// showSession tells people who they are to the provider in this browser, and lets them sign out here, so that they can
// watch what that does to the applications.
func (p *Provider) showSession(w http.ResponseWriter, r *http.Request) error {
	p.mu.Lock() // over the clients too, which a sign-in may be adding to
	s, signedIn := p.lookUpSession(r)
	clients := slices.Sorted(maps.Keys(s.clients))
	p.mu.Unlock()
	if !signedIn {
		return p.render(w, http.StatusOK, "message", view{
			Title: "Nobody is signed in",
			Text:  "This browser has no session at the provider. Signing in to an application begins one.",
		})
	}
	account, _ := p.people.account(s.username)
	return p.render(w, http.StatusOK, "session", view{
		Title:    "You are signed in",
		Ticket:   newTicket(p, p.logouts, w, r, logoutRequest{}),
		Accounts: []Account{account},
		Since:    s.authTime,
		Strong:   s.acr == strong,
		Clients:  clients,
	})
}

// name returns what the person of a session is called now.
func (p *Provider) name(s session) string {
	account, _ := p.people.account(s.username)
	return account.Name
}
