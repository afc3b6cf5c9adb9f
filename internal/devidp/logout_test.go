package devidp_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"letstalk/internal/devidp"
)

// logoutURL is an RP-initiated logout with the given pairs of parameters.
func (f *fixture) logoutURL(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return f.issuer + "/end_session?" + q.Encode()
}

func (b *browser) signedIn() bool {
	b.f.Helper()
	return b.get(authURL(b.f.client, "prompt", "none")).params(b.f.client.RedirectURL).Get("code") != ""
}

func TestLogoutWithAHintEndsTheSessionAndItsTokens(t *testing.T) {
	f := setUp(t)
	b, elsewhere := f.browser(), f.browser()
	token, other := b.signIn(f.client, "alice"), elsewhere.signIn(f.client, "alice")
	f.clock.move(30 * time.Minute) // the hint has expired, which does not matter
	wiki := f.wiki()
	code := b.get(authURL(wiki, "prompt", "none")).params(wiki.RedirectURL).Get("code")

	back := b.get(f.logoutURL("id_token_hint", rawIDToken(token), "client_id", "chat",
		"post_logout_redirect_uri", f.rp+"/bye", "state", "s&t")).params(f.rp + "/bye")
	if diff := cmp.Diff(url.Values{"state": {"s&t"}}, back); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if b.signedIn() || f.works(token) {
		t.Error("the session or its access token is still good")
	}
	_, err := refresh(t.Context(), f.client, token.RefreshToken)
	wantOAuthError(t, err, "invalid_grant")
	_, err = wiki.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	wantOAuthError(t, err, "invalid_grant")
	if !elsewhere.signedIn() || !f.works(other) {
		t.Error("the session in another browser ended too")
	}

	again := b.get(f.logoutURL("id_token_hint", rawIDToken(token), "post_logout_redirect_uri", f.rp+"/bye"))
	again.params(f.rp + "/bye")
}

func TestLogoutMayBePostedWithoutCookies(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	page := f.browser().do(http.MethodPost, f.issuer+"/end_session", url.Values{"id_token_hint": {rawIDToken(token)}})
	if !strings.Contains(page.wantStatus(http.StatusOK).doc.Text(), "You are signed out") {
		t.Errorf("page says %s", page.doc.Text())
	}
	if b.signedIn() {
		t.Error("still signed in")
	}
}

func TestLogoutOfOnePersonLeavesAnotherInTheBrowser(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	alice := b.signIn(f.client, "alice")
	bob := b.signIn(f.client, "bob")
	b.get(f.logoutURL("id_token_hint", rawIDToken(alice))).wantStatus(http.StatusOK)
	if f.works(alice) {
		t.Error("alice's token still works")
	}
	if !b.signedIn() || !f.works(bob) {
		t.Error("bob was signed out")
	}
}

func TestLogoutWithoutAHintAsksFirst(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	target := f.logoutURL("client_id", "chat", "post_logout_redirect_uri", f.rp+"/bye", "state", "s")
	page := b.get(target).wantStatus(http.StatusOK)
	if got := page.header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "form-action 'self' "+f.rp) {
		t.Errorf("policy %s does not let the form lead to %s", got, f.rp)
	}
	if !b.signedIn() || !f.works(token) {
		t.Error("signed out before being asked")
	}
	f.browser().press(page, "", "").wantStatus(http.StatusForbidden)
	if got := b.press(page, "", "").params(f.rp + "/bye").Get("state"); got != "s" {
		t.Errorf("state %q, want s", got)
	}
	if b.signedIn() || f.works(token) {
		t.Error("still signed in")
	}
	if got := b.get(target).params(f.rp + "/bye").Get("state"); got != "s" {
		t.Errorf("nobody signed in: state %q, want s", got)
	}
	text := b.get(f.logoutURL()).wantStatus(http.StatusOK).doc.Text()
	if !strings.Contains(text, "You are signed out") {
		t.Errorf("page says %s", text)
	}
}

func TestPostedLogoutWithoutAHintAsksToo(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	b.signIn(f.client, "alice")
	step := f.browser().do(http.MethodPost, f.issuer+"/end_session", url.Values{"client_id": {"chat"}})
	b.press(b.get(step.wantStatus(http.StatusSeeOther).location.String()), "", "").wantStatus(http.StatusOK)
	if b.signedIn() {
		t.Error("still signed in")
	}
}

func TestAHintFromElsewhereIsNoHint(t *testing.T) {
	f, other := setUp(t), setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	part := strings.Split(rawIDToken(token), ".")
	b.get(f.logoutURL("id_token_hint", rawIDToken(token))) // for a logout token, which has the same key and issuer
	logoutToken := f.received("/chat/logout")[0]
	token = b.signIn(f.client, "alice")
	for name, hint := range map[string]string{
		"another provider's": rawIDToken(other.browser().signIn(other.client, "alice")),
		"unsigned":           base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + part[1] + ".",
		"tampered with":      part[0] + "." + part[1] + "." + strings.Repeat("A", len(part[2])),
		"a logout token":     logoutToken,
		"nonsense":           "nonsense",
	} {
		page := b.get(f.logoutURL("id_token_hint", hint)).wantStatus(http.StatusOK)
		if page.doc.Find("form").Length() != 1 || !f.works(token) {
			t.Errorf("%s: signed out without a question", name)
		}
	}
}

func TestLogoutRedirectsOnlyToTheClientsOwnAddresses(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	hint := rawIDToken(token)
	for name, target := range map[string]string{
		"not registered":         f.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", f.rp+"/callback"),
		"another client's":       f.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", f.rp+"/wiki/bye"),
		"by client_id":           f.logoutURL("client_id", "wiki", "post_logout_redirect_uri", f.rp+"/bye"),
		"client_id against hint": f.logoutURL("id_token_hint", hint, "client_id", "wiki"),
		"an unknown client":      f.logoutURL("client_id", "nobody"),
		"no client":              f.logoutURL("post_logout_redirect_uri", f.rp+"/bye"),
		"twice":                  f.logoutURL("id_token_hint", hint) + "&state=1&state=2",
	} {
		if got := b.get(target); got.status != http.StatusBadRequest || got.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, got.status, got.header.Get("Location"))
		}
	}
	if !f.works(token) {
		t.Error("a refused request signed out")
	}
}

func TestBackchannelLogoutReachesEveryClientOfTheSession(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	b.signIn(f.wiki(), "alice")
	f.browser().signIn(f.client, "alice")
	f.browser().signIn(f.wiki(), "bob")
	f.clock.move(time.Hour)
	b.get(f.logoutURL("id_token_hint", rawIDToken(token))).wantStatus(http.StatusOK)

	jtis := map[string]bool{}
	for path, clientID := range map[string]string{"/chat/logout": "chat", "/wiki/logout": "wiki"} {
		tokens := f.received(path)
		if len(tokens) != 1 {
			t.Fatalf("%s received %d logout tokens, want 1", path, len(tokens))
		}
		got, err := f.tokenVerifier(clientID).VerifyLogout(t.Context(), tokens[0])
		if err != nil {
			t.Fatal(err)
		}
		jtis[got.TokenID] = true
		now := float64(f.clock.now().Unix())
		want := map[string]any{
			"iss": f.issuer, "aud": clientID, "iat": now, "exp": now + 120, "jti": got.TokenID,
			"sub": f.idp.Accounts()[0].Subject, "sid": sidOf(t, rawIDToken(token)),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		var claims map[string]any
		if err := got.Claims(&claims); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		header := decode(t, tokens[0], 0)
		if header["typ"] != "logout+jwt" || header["alg"] != "RS256" || header["kid"] == "" {
			t.Errorf("header %v", header)
		}
	}
	if len(jtis) != 2 {
		t.Error("two logout tokens share a jti")
	}
}

func TestEndSessionsEndsOneAccountEverywhere(t *testing.T) {
	f := setUp(t)
	one, two, bob := f.browser(), f.browser(), f.browser()
	sids := map[string]bool{
		f.sid(f.client, one.signIn(f.client, "alice")): true,
		f.sid(f.client, two.signIn(f.client, "alice")): true,
	}
	bob.signIn(f.client, "bob")
	f.idp.EndSessions(t.Context(), "alice")
	tokens := f.received("/chat/logout")
	for _, token := range tokens {
		delete(sids, sidOf(t, token))
	}
	if len(tokens) != 2 || len(sids) != 0 {
		t.Errorf("%d logout tokens, without one for %v", len(tokens), sids)
	}
	if one.signedIn() || two.signedIn() || !bob.signedIn() {
		t.Error("want alice signed out everywhere, and bob signed in")
	}
	f.idp.EndSessions(t.Context(), "nobody")
	if n := len(f.received("/chat/logout")); n != 2 {
		t.Errorf("%d logout tokens after ending nobody's sessions, want 2", n)
	}
}

func TestASessionThatEndedDoesNotComeBack(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	was := f.sid(f.client, b.signIn(f.client, "alice"))
	page := b.get(authURL(f.client))
	f.idp.EndSessions(t.Context(), "alice")
	b.press(page, "account", "alice").params(f.client.RedirectURL)
	if is := f.sid(f.client, b.signIn(f.client, "alice")); is == was {
		t.Error("signing in again revived the session")
	}
}

func TestBackchannelLogoutFollowsNoRedirect(t *testing.T) {
	asked := make(chan string, 10)
	rp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer rp.Close()
	f := setUp(t)
	srv := httptest.NewUnstartedServer(nil)
	f.issuer = "http://" + srv.Listener.Addr().String() + "/dev/idp"
	idp, err := devidp.New(devidp.Config{
		Issuer: f.issuer,
		Now:    f.clock.now,
		Clients: []devidp.Client{{
			ID: "chat", Secret: secret, RedirectURIs: []string{f.client.RedirectURL}, BackchannelLogoutURI: rp.URL + "/logout",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = idp
	srv.Start()
	defer srv.Close()
	f.client.Endpoint.AuthURL, f.client.Endpoint.TokenURL = f.issuer+"/authorize", f.issuer+"/token"
	f.browser().signIn(f.client, "alice")
	idp.EndSessions(t.Context(), "alice")
	idp.Wait()
	close(asked)
	var paths []string
	for path := range asked {
		paths = append(paths, path)
	}
	if diff := cmp.Diff([]string{"/logout"}, paths); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// decode returns a part of a JWT without looking at its signature.
func decode(t *testing.T, token string, part int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func sidOf(t *testing.T, token string) string {
	t.Helper()
	sid, _ := decode(t, token, 1)["sid"].(string)
	return sid
}
