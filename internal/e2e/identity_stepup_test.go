package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"letstalk/store"
)

// confirms signs in once more at the provider, with what it asks for.
func (p *person) confirms(account string) {
	p.t.Helper()
	p.appears("button[name=account][value=" + account + "]")
	p.until("all of the provider's page", `document.readyState === "complete"`)
	p.click("button[name=account][value=" + account + "]")
}

func TestARoomComesToAskForMore(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	bob.write("half a thought")
	plain := s.visitor("bob without scripts", false)
	plain.signIn("bob", "/chat/General")
	alice := s.visitor("alice", true)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/chat/General").live()
	alice.click(".room__settings")
	alice.see("h1", "Settings of")
	alice.looks("settings")

	// Nobody asks for what they have not shown can be met.
	alice.expect("status of 422")
	alice.do(setValue("#acr", "mfa"), chromedp.SetValue(chromedp.CSS("#max_age"), "3600"))
	alice.clickIn("form", "How strong", "button")
	alice.see(".flash", "Your own sign-in does not meet this.")
	alice.looks("settings-to-prove")
	alice.click(".flash a")
	alice.confirms("alice")
	alice.see(".note", "Nothing is changed until you save.")
	alice.clickIn("form", "How strong", "button")
	alice.see(".note", "Saved.")
	alice.looks("settings-saved")

	// Those who are in the room are asked at once, and find back to what they were writing.
	bob.confirms("bob")
	bob.live()
	if at := eval[string](bob, `location.pathname`); at != "/chat/General" || bob.draft() != "half a thought" {
		t.Errorf("bob is at %s with %q", at, bob.draft())
	}
	// A form is not sent away from its words.
	plain.expect("status of 403")
	plain.do(setValue("#body", "written before"))
	plain.click(".composer__send")
	plain.see("h1", "This room wants to know that it is you")
	plain.looks("confirm-form")
	plain.open("/dashboard")
	plain.see(`.card[href="/chat/General"]`, "Asks you to confirm who you are.")
	plain.looks("dashboard-asks")
	plain.open("/chat/General")
	plain.confirms("bob")
	plain.see("h1", "General")
}

func TestAStreamThatMayNotGoOnLeadsToThePageThatSaysWhy(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	alice.signIn("alice", "/chat/General/settings").live()
	alice.do(chromedp.SetValue(chromedp.CSS("#max_age"), "900"))
	alice.clickIn("form", "How strong", "button")
	alice.see(".note", "Saved.")
	bob := s.visitor("bob", true)
	bob.screen(1440, 900, "light")
	bob.signIn("bob", "/chat/General").live()
	bob.write("half a thought")

	// As if bob had signed in twenty minutes ago.
	db := s.operator()
	user, err := db.User(t.Context(), s.userID(db, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	logins, err := db.UserLogins(t.Context(), store.Operator, user.ID)
	if err != nil || len(logins) != 1 {
		t.Fatalf("%d logins, %v", len(logins), err)
	}
	if _, err := db.RenewLogin(t.Context(), logins[0].ID, store.NewLogin{
		Identity: user.Identity, Lifetime: time.Hour, AuthAt: time.Now().Add(-20*time.Minute - 30*time.Second),
		Tokens: logins[0].Tokens, Address: logins[0].Address, Agent: logins[0].Agent, SID: logins[0].SID,
	}); err != nil {
		t.Fatal(err)
	}
	bob.expect("status of 403", "htmx:sse:error")
	bob.until("the page that says why", `dispatchEvent(new Event("online")), location.pathname === "/account/confirm"`)
	bob.see("h1", "General wants to know that it is you")
	bob.see(".page__lead", "It asks for a sign-in within the last 15 minutes. Yours was 20 minutes ago.")
	bob.looks("confirm")
	bob.click("main a.button")
	bob.confirms("bob")
	bob.live()
	if at := eval[string](bob, `location.pathname`); at != "/chat/General" || bob.draft() != "half a thought" {
		t.Errorf("bob is at %s with %q", at, bob.draft())
	}
}
