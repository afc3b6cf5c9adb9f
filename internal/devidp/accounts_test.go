package devidp_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"letstalk/internal/devidp"
)

// told returns name and groups as userinfo has them.
func (f *fixture) told(token *oauth2.Token) map[string]any {
	f.Helper()
	info, err := f.provider.UserInfo(f.Context(), bearer(token.AccessToken))
	if err != nil {
		f.Fatal(err)
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		f.Fatal(err)
	}
	return map[string]any{"name": claims["name"], "groups": claims["groups"]}
}

func TestWhatChangesShowsInTheNextToken(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "bob")
	for _, test := range []struct {
		name   string
		change func()
		groups []any
	}{
		{"Bob Brown", func() {}, []any{"staff"}},
		{"Bob Brown", func() { f.idp.SetGroups("bob", "eng-web", "admins") }, []any{"eng-web", "admins"}},
		{"Robert", func() { f.idp.SetName("bob", "Robert") }, []any{"eng-web", "admins"}},
		{"Robert", func() { f.idp.SetGroups("bob") }, []any{}},
	} {
		test.change()
		want := map[string]any{"name": test.name, "groups": test.groups}
		if diff := cmp.Diff(want, f.told(token)); diff != "" {
			t.Errorf("userinfo (-want +got):\n%s", diff)
		}
		var err error
		if token, err = refresh(t.Context(), f.client, token.RefreshToken); err != nil {
			t.Fatal(err)
		}
		got := f.claims(f.client, token)
		if diff := cmp.Diff(want, map[string]any{"name": got["name"], "groups": got["groups"]}); diff != "" {
			t.Errorf("ID token (-want +got):\n%s", diff)
		}
	}
	page := b.get(authURL(f.client))
	if got := page.doc.Find(".current bdi").Text(); got != "Robert" {
		t.Errorf("the page says that %q is signed in, want Robert", got)
	}
	alice := f.claims(f.client, f.browser().signIn(f.client, "alice"))
	if diff := cmp.Diff([]any{"staff", "admins"}, alice["groups"]); diff != "" {
		t.Errorf("alice's groups (-want +got):\n%s", diff)
	}
}

func TestChangesShowOnlyToClientsThatMaySeeThem(t *testing.T) {
	f := setUp(t)
	client := f.client
	client.Scopes = []string{"openid", "email"}
	token := f.browser().signIn(client, "bob")
	f.idp.SetGroups("bob", "secret")
	if got := f.told(token)["groups"]; got != nil {
		t.Errorf("groups %v without a scope for them", got)
	}
}

func TestADisabledAccountComesNoFurther(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	code := b.code(f.client, "alice")
	page := b.get(authURL(f.client))
	f.idp.Disable("alice")

	if back := b.press(page, "account", "alice").params(f.client.RedirectURL); back.Get("error") != "access_denied" {
		t.Errorf("signing in answers %v, want access_denied", back)
	}
	if back := b.get(authURL(f.client, "prompt", "none")).params(f.client.RedirectURL); back.Get("error") != "access_denied" {
		t.Errorf("prompt=none answers %v, want access_denied", back)
	}
	_, err := f.client.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	wantOAuthError(t, err, "invalid_grant")
	_, err = refresh(t.Context(), f.client, token.RefreshToken)
	wantOAuthError(t, err, "invalid_grant")
	if f.works(token) {
		t.Error("the access token still works")
	}
	if about := b.get(authURL(f.client)).doc.Find("button[value=alice]").Text(); !strings.Contains(about, "disabled") {
		t.Errorf("the login page does not tell: %s", about)
	}
	if n := len(f.received("/chat/logout")); n != 0 {
		t.Errorf("%d logout tokens, want none", n)
	}
	f.browser().signIn(f.client, "bob")
}

func TestAnEnabledAccountGoesOnWhereItWas(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	f.idp.Disable("alice")
	_, err := refresh(t.Context(), f.client, token.RefreshToken)
	wantOAuthError(t, err, "invalid_grant")
	f.idp.Enable("alice")
	if !b.signedIn() || !f.works(token) {
		t.Error("the session or its access token is gone")
	}
	if _, err := refresh(t.Context(), f.client, token.RefreshToken); err != nil {
		t.Errorf("the refresh token is gone: %v", err)
	}
}

func TestAnAccountMayBeDisabledFromTheStart(t *testing.T) {
	f := setUp(t, devidp.Account{Username: "eve", Subject: "e", Disabled: true})
	b := f.browser()
	back := b.press(b.get(authURL(f.client)), "account", "eve").params(f.client.RedirectURL)
	if back.Get("error") != "access_denied" {
		t.Errorf("answer %v, want access_denied", back)
	}
}

func TestAnUnknownUsernameChangesNothing(t *testing.T) {
	f := setUp(t)
	before := f.idp.Accounts()
	f.idp.SetGroups("nobody", "staff")
	f.idp.SetName("nobody", "Nobody")
	f.idp.Disable("nobody")
	f.idp.Enable("nobody")
	if diff := cmp.Diff(before, f.idp.Accounts()); diff != "" {
		t.Errorf("accounts (-before +after):\n%s", diff)
	}
}

func TestAccountsAreTheProvidersOwn(t *testing.T) {
	given := []devidp.Account{{Username: "eve", Subject: "e", Groups: []string{"staff"}}}
	groups := []string{"guests"}
	f := setUp(t, given...)
	given[0].Groups[0] = "admins"
	f.idp.Accounts()[0].Groups[0] = "admins"
	if diff := cmp.Diff([]string{"staff"}, f.idp.Accounts()[0].Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	f.idp.SetGroups("eve", groups...)
	groups[0] = "admins"
	if diff := cmp.Diff([]string{"guests"}, f.idp.Accounts()[0].Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// The race detector has the last word here.
func TestAccountsMayChangeWhileThePeopleSignIn(t *testing.T) {
	f := setUp(t)
	token := f.browser().signIn(f.client, "bob")
	var changing sync.WaitGroup
	defer changing.Wait()
	changing.Go(func() {
		for range 1000 {
			f.idp.SetGroups("bob", "staff", "eng")
			f.idp.SetName("bob", "Robert")
			f.idp.Disable("carol")
			f.idp.Enable("carol")
		}
	})
	for range 10 {
		f.browser().get(authURL(f.client)).wantStatus(http.StatusOK)
		f.told(token)
		var err error
		if token, err = refresh(t.Context(), f.client, token.RefreshToken); err != nil {
			t.Fatal(err)
		}
	}
}
