package oidctest_test

import (
	"bytes"
	"net/url"
	"slices"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"letstalk/internal/oidctest"
)

func TestItSaysWhatItOffers(t *testing.T) {
	f := setUp(t)
	var offers struct {
		EndSession  string   `json:"end_session_endpoint"`
		Backchannel bool     `json:"backchannel_logout_supported"`
		Sessions    bool     `json:"backchannel_logout_session_supported"`
		Issuer      bool     `json:"authorization_response_iss_parameter_supported"`
		PKCE        []string `json:"code_challenge_methods_supported"`
		ACR         []string `json:"acr_values_supported"`
	}
	if err := f.provider.Claims(&offers); err != nil {
		t.Fatal(err)
	}
	want(t, "where to sign out", offers.EndSession, f.SignOutPage())
	want(t, "back-channel logout, with sessions", offers.Backchannel && offers.Sessions, true)
	want(t, "iss in answers", offers.Issuer, true)
	want(t, "PKCE with S256", slices.Contains(offers.PKCE, "S256"), true)
	want(t, "ways to sign in", slices.Equal(offers.ACR, []string{oidctest.Weak, oidctest.Strong}), true)
}

func TestASignInBringsWhatTheScopesAskFor(t *testing.T) {
	f := setUp(t)
	token := f.signIn("alice")
	s := f.read(rawID(token))
	want(t, "nonce", s.Nonce, "the nonce")
	want(t, "name", s.Name, "Alice Adams")
	want(t, "e-mail", s.Email, "alice@example.org")
	want(t, "groups", slices.Equal(s.Groups, []string{"staff", "admins"}), true)
	want(t, "there is a session", s.SID != "", true)
	info, err := f.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "userinfo is about", info.Subject, s.Subject)
	want(t, "sessions", f.Sessions("alice"), 1)

	// The same browser is known there now, and asked nothing.
	again := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask(), "nobody"))))
	want(t, "who came back", again.Subject, s.Subject)
	want(t, "in the session", again.SID, s.SID)
}

func TestACodeIsForWhoBegan(t *testing.T) {
	f := setUp(t)
	u, err := url.Parse(f.SignIn(f.browser, f.ask(), "alice"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.client.Exchange(t.Context(), u.Query().Get("code"), oauth2.VerifierOption(verifier+"x"))
	wantInvalidGrant(t, "another verifier", err)
	u, err = url.Parse(f.SignIn(f.browser, f.client.AuthCodeURL("the state"), "alice"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "without PKCE", u.Query().Get("error"), "invalid_request")
}

func TestWhoRefusesIsSentBack(t *testing.T) {
	f := setUp(t)
	u, err := url.Parse(f.Refuse(f.browser, f.ask()))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "error", u.Query().Get("error"), "access_denied")
	want(t, "sessions", f.Sessions("alice"), 0)
}

func TestARefreshTokenWorksOnceAndTellsOfNewGroups(t *testing.T) {
	f := setUp(t)
	first := f.signIn("bob")
	f.SetGroups("bob", "staff", "eng-web")
	second, err := f.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "it is replaced", second.RefreshToken != "" && second.RefreshToken != first.RefreshToken, true)
	before, after := f.read(rawID(first)), f.read(rawID(second))
	want(t, "groups", slices.Equal(after.Groups, []string{"staff", "eng-web"}), true)
	want(t, "the person", after.Subject, before.Subject)
	want(t, "the session", after.SID, before.SID)

	_, err = f.refresh(first.RefreshToken)
	wantInvalidGrant(t, "its second use", err)
	_, err = f.refresh(second.RefreshToken)
	wantInvalidGrant(t, "the one that replaced it, after that", err)
}

func TestWhatIsRevokedIsNotRefreshed(t *testing.T) {
	f := setUp(t)
	token := f.signIn("bob")
	f.Revoke("alice")
	token, err := f.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	f.Revoke("bob")
	_, err = f.refresh(token.RefreshToken)
	wantInvalidGrant(t, "a refresh", err)
	want(t, "sessions", f.Sessions("bob"), 1)
	want(t, "logout tokens", len(f.inbox), 0)
	f.signIn("bob") // who is asked again what may be known
}

func TestSigningOutHereSignsOutThereAndBringsTheBrowserBack(t *testing.T) {
	f := setUp(t)
	token := f.signIn("alice")
	query := url.Values{"id_token_hint": {rawID(token)}, "post_logout_redirect_uri": {f.site + "/"}}
	want(t, "where it ends", f.SignOut(f.browser, f.SignOutPage()+"?"+query.Encode()), f.site+"/")
	want(t, "sessions", f.Sessions("alice"), 0)
	s, l := f.read(rawID(token)), f.logoutToken()
	want(t, "whose session ended", l.Subject, s.Subject)
	want(t, "and which", l.SID, s.SID)
	_, err := f.refresh(token.RefreshToken)
	wantInvalidGrant(t, "a refresh", err)
}

func TestSigningOutThereTellsTheClient(t *testing.T) {
	for name, end := range map[string]func(*fixture){
		"by the person":       func(f *fixture) { f.SignOut(f.browser, f.SignOutPage()) },
		"by an administrator": func(f *fixture) { f.EndSession("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t)
			token := f.signIn("alice")
			f.EndSession("bob")
			end(f)
			s, l := f.read(rawID(token)), f.logoutToken()
			want(t, "whose session ended", l.Subject, s.Subject)
			want(t, "and which", l.SID, s.SID)
			want(t, "it has a number", l.ID != "", true)
			event := l.Events["http://schemas.openid.net/event/backchannel-logout"]
			want(t, "the event", bytes.Equal(event, []byte("{}")), true)
			want(t, "further logout tokens", len(f.inbox), 0)
			want(t, "sessions", f.Sessions("alice"), 0)
			_, err := f.refresh(token.RefreshToken)
			wantInvalidGrant(t, "a refresh", err)
		})
	}
}

func TestItAsksAgainWhoIsNotSureEnough(t *testing.T) {
	f := setUp(t)
	weak := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("acr_values", oidctest.Weak), "alice"))))
	want(t, "how alice signed in", weak.ACR, oidctest.Weak)
	strong := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("acr_values", oidctest.Strong), "alice"))))
	want(t, "how alice signed in", strong.ACR, oidctest.Strong)
	want(t, "in the session", strong.SID, weak.SID)
	// What was proved once is not asked for again; whoever is asked and can't comes back as they are.
	strong = f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("acr_values", oidctest.Strong), "nobody"))))
	want(t, "how alice signed in", strong.ACR, oidctest.Strong)
	weak = f.read(rawID(f.redeem(f.SignInWeakly(f.browser, f.ask("acr_values", oidctest.Strong, "prompt", "login"), "alice"))))
	want(t, "how alice signed in", weak.ACR, oidctest.Weak)

	fresh := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("max_age", "3600"), "nobody"))))
	want(t, "it says when", fresh.AuthTime > 0, true)
	// Who signed in too long ago is asked again, and not before.
	f.Pass(30 * time.Minute)
	same := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("max_age", "3600"), "nobody"))))
	want(t, "when it was", same.AuthTime, fresh.AuthTime)
	f.Pass(time.Hour)
	again := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("max_age", "3600"), "alice"))))
	want(t, "it was later", again.AuthTime >= fresh.AuthTime+90*60, true)
}

func TestWhoeverSignsInAsSomebodyElseTakesTheirPlace(t *testing.T) {
	f := setUp(t)
	alice := f.read(rawID(f.signIn("alice")))
	bob := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("prompt", "login"), "bob"))))
	want(t, "who came back is another person", bob.Subject != alice.Subject, true)
	want(t, "whose session ended", f.logoutToken().SID, alice.SID)
	want(t, "sessions of alice", f.Sessions("alice"), 0)
}
