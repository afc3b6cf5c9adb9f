package e2e

import (
	"net"
	"strings"
	"testing"

	"letstalk/internal/oidctest"
)

// startAbroad runs the program without -dev, as it is run for real, with a provider that nobody here has written.
func startAbroad(t *testing.T) (*site, *oidctest.Provider) {
	t.Helper()
	p := &program{dir: t.TempDir(), address: freeAddress(t)}
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{&door{t: t, listen: p.address, written: p.log.String, base: "http://localhost:" + port}, p}
	client := oidctest.Client{
		ID: "chat", Secret: "s3cret:+ %2F",
		RedirectURIs:           []string{s.base + "/authorization-code/callback"},
		PostLogoutRedirectURIs: []string{s.base + "/"},
		BackchannelLogoutURI:   s.base + "/users/backchannel-logout",
	}
	idp := oidctest.Start(t, client)
	p.env = []string{
		"BASE_URL=" + s.base, "SESSION_KEY=" + strings.Repeat("k", 44), "OIDC_ISSUER=" + idp.Issuer,
		"OIDC_CLIENT_ID=" + client.ID, "OIDC_CLIENT_SECRET=" + client.Secret,
		"OIDC_SCOPES=openid profile email groups offline_access",
	}
	s.run()
	t.Cleanup(s.stop)
	return s, idp
}

// consent presses the buttons of the provider's pages.
func (p *person) consent(account string) {
	p.t.Helper()
	p.appears("button[name=account][value=" + account + "]")
	p.click("button[name=account][value=" + account + "]")
	p.appears("button[name=consent]")
	p.click("button[name=consent]")
	p.see(".header__who", "Signed in as")
}

func TestARealProviderSignsInAndOutBothWays(t *testing.T) {
	story(t)
	s, idp := startAbroad(t)
	alice := s.visitor("alice", true)
	// Streams that end are no errors to a person, but the console tells of their status.
	alice.expect("status of 401")
	alice.open("/chat/General")
	alice.see("main h1", "Please log in")
	alice.click("main a.button")
	alice.consent("alice")
	alice.see("h1", "General")
	alice.live()
	alice.say("Hello from abroad")
	alice.see(".message__body", "Hello from abroad")
	alice.write("half a thought")

	// There, then here.
	idp.EndSession("alice")
	alice.see("h1", "Please log in")
	alice.click("main a.button")
	alice.consent("alice")
	alice.see("h1", "General")
	alice.live()
	if draft := alice.draft(); draft != "half a thought" {
		t.Errorf("the draft is %q after signing in again", draft)
	}

	// Here, then there.
	alice.click(".header__out button")
	alice.see("h1", "Sign out?")
	alice.click("button[name=logout]")
	alice.see("h1", "Talk with your team")
	alice.see(".header", "Log In")
	if n := idp.Sessions("alice"); n != 0 {
		t.Errorf("alice has %d sessions at the provider", n)
	}
}

func TestARealProviderIsEnoughWithoutScripts(t *testing.T) {
	story(t)
	s, idp := startAbroad(t)
	bob := s.visitor("bob", false)
	bob.open("/chat/General")
	bob.click("main a.button")
	bob.consent("bob")
	bob.see("h1", "General")
	idp.EndSession("bob")
	bob.open("/dashboard")
	bob.see("h1", "Please log in")
}
