package devidp_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

func TestCodeFlowSignsAPersonIn(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	page := b.get(authURL(f.client))
	f.clock.move(time.Minute)
	back := b.press(page, "account", "alice").params(f.client.RedirectURL)
	code := back.Get("code")
	back.Del("code")
	if diff := cmp.Diff(url.Values{"state": {"the state"}, "iss": {f.issuer}}, back); diff != "" {
		t.Errorf("answer to the client (-want +got):\n%s", diff)
	}
	token, err := f.client.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if token.TokenType != "Bearer" || token.ExpiresIn != 3600 || token.Extra("scope") != "openid profile email offline_access" {
		t.Errorf("token answer %+v with scope %v", token, token.Extra("scope"))
	}

	idToken := f.idToken(f.client, token)
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	var got map[string]any
	if err := idToken.Claims(&got); err != nil {
		t.Fatal(err)
	}
	person := map[string]any{
		"sub":                got["sub"],
		"name":               "Alice Adams",
		"preferred_username": "alice",
		"email":              "alice@example.org",
		"email_verified":     true,
		"groups":             []any{"staff", "admins"},
	}
	now := float64(f.clock.now().Unix())
	want := map[string]any{
		"iss": f.issuer, "aud": "chat", "iat": now, "exp": now + 600, "auth_time": now, "nonce": "the nonce",
		"acr": "pwd", "amr": []any{"pwd"}, "sid": got["sid"], "at_hash": got["at_hash"],
	}
	for name, value := range person {
		want[name] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ID token (-want +got):\n%s", diff)
	}
	if got["sub"] == "" || got["sid"] == "" {
		t.Errorf("empty sub or sid: %v", got)
	}

	info, err := f.provider.UserInfo(t.Context(), bearer(token.AccessToken))
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(person, claims); diff != "" {
		t.Errorf("userinfo (-want +got):\n%s", diff)
	}
}

func TestRedirectURIKeepsItsQuery(t *testing.T) {
	f := setUp(t)
	f.client.RedirectURL += "?tenant=1"
	b := f.browser()
	back := b.press(b.get(authURL(f.client)), "account", "bob")
	want := f.rp + "/callback?tenant=1&code="
	if got := back.location.String(); !strings.HasPrefix(got, want) {
		t.Errorf("redirected to %s, want %s…", got, want)
	}
}

func TestScopesDecideWhatIsReleased(t *testing.T) {
	f := setUp(t)
	for scope, want := range map[string][]string{
		"openid":                {"sub"},
		"openid email":          {"email", "email_verified", "sub"},
		"openid groups unknown": {"groups", "sub"},
		"openid profile":        {"groups", "name", "preferred_username", "sub"},
	} {
		client := f.client
		client.Scopes = strings.Fields(scope)
		token := f.browser().signIn(client, "carol")
		if token.RefreshToken != "" {
			t.Errorf("%s: got a refresh token without offline_access", scope)
		}
		info, err := f.provider.UserInfo(t.Context(), bearer(token.AccessToken))
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := info.Claims(&claims); err != nil {
			t.Fatal(err)
		}
		var got []string
		for name := range claims {
			got = append(got, name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	f := setUp(t)
	set := func(name, value string) func(url.Values) {
		return func(form url.Values) { form.Set(name, value) }
	}
	for _, test := range []struct {
		name   string
		change func(form url.Values)
		wait   time.Duration
		status int
		code   string
	}{
		{"a wrong verifier", set("code_verifier", verifier+"x"), 0, 400, "invalid_grant"},
		{"a missing verifier", set("code_verifier", ""), 0, 400, "invalid_request"},
		{"a short verifier", set("code_verifier", "short"), 0, 400, "invalid_grant"},
		{"another redirect_uri", set("redirect_uri", f.rp+"/callback?tenant=1"), 0, 400, "invalid_grant"},
		{"a missing redirect_uri", set("redirect_uri", ""), 0, 400, "invalid_request"},
		{"an unknown code", set("code", "guess"), 0, 400, "invalid_grant"},
		{"a code older than a minute", set("x", "x"), time.Minute, 400, "invalid_grant"},
		{"another grant type", set("grant_type", "password"), 0, 400, "unsupported_grant_type"},
		{"a missing grant type", set("grant_type", ""), 0, 400, "invalid_request"},
		{"a wrong secret", set("client_secret", "guess"), 0, 401, "invalid_client"},
		{"a missing secret", set("client_secret", ""), 0, 401, "invalid_client"},
		{"an unknown client", set("client_id", "nobody"), 0, 401, "invalid_client"},
		{"another client's code", func(form url.Values) {
			form.Set("client_id", "wiki")
			form.Set("client_secret", "other")
		}, 0, 400, "invalid_grant"},
		{"a repeated parameter", func(form url.Values) { form.Add("code", "x") }, 0, 400, "invalid_request"},
		{"a body that is too large", set("x", strings.Repeat("x", 64<<10)), 0, 400, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := f.in(t)
			b := f.browser()
			form := url.Values{
				"grant_type": {"authorization_code"}, "client_id": {"chat"}, "client_secret": {secret},
				"code": {b.code(f.client, "alice")}, "redirect_uri": {f.client.RedirectURL}, "code_verifier": {verifier},
			}
			test.change(form)
			f.clock.move(test.wait)
			got := f.browser().do(http.MethodPost, f.client.Endpoint.TokenURL, form).wantStatus(test.status)
			var body struct{ Error string }
			if got.jsonOf(&body); body.Error != test.code {
				t.Errorf("error %q, want %q", body.Error, test.code)
			}
			if (got.header.Get("WWW-Authenticate") != "") != (test.status == 401) {
				t.Errorf("WWW-Authenticate %q with status %d", got.header.Get("WWW-Authenticate"), test.status)
			}
			if got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", got.header.Get("Cache-Control"))
			}
		})
	}
}

func TestTokenEndpointRefusesContradictoryAuthentication(t *testing.T) {
	f := setUp(t)
	_, err := f.client.Exchange(t.Context(), f.browser().code(f.client, "alice"),
		oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("client_secret", secret))
	wantOAuthError(t, err, "invalid_request")
	_, err = f.client.Exchange(t.Context(), f.browser().code(f.client, "alice"),
		oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("client_id", "wiki"))
	wantOAuthError(t, err, "invalid_client")
}

func TestSecondUseOfACodeRevokesItsTokens(t *testing.T) {
	f := setUp(t)
	code := f.browser().code(f.client, "alice")
	token, err := f.client.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if !f.works(token) {
		t.Fatal("the access token does not work")
	}
	f.clock.move(10 * time.Minute)
	_, err = f.client.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	wantOAuthError(t, err, "invalid_grant")
	if f.works(token) {
		t.Error("the access token outlived the second use of its code")
	}
	_, err = refresh(t.Context(), f.client, token.RefreshToken)
	wantOAuthError(t, err, "invalid_grant")
}

func TestRefreshTokensRotate(t *testing.T) {
	f := setUp(t)
	type login struct {
		Sub, Sid, Nonce string
		AuthTime        int64 `json:"auth_time"`
	}
	var was, is login
	first := f.browser().signIn(f.client, "bob")
	if err := f.idToken(f.client, first).Claims(&was); err != nil {
		t.Fatal(err)
	}
	f.clock.move(time.Hour)
	if f.works(first) {
		t.Error("the access token works after an hour")
	}
	second, err := refresh(t.Context(), f.client, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if !f.works(second) || second.RefreshToken == first.RefreshToken {
		t.Error("want a working access token and another refresh token")
	}
	if err := f.idToken(f.client, second).Claims(&is); err != nil {
		t.Fatal(err)
	}
	was.Nonce = ""
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("want the first login without its nonce (-want +got):\n%s", diff)
	}

	_, err = refresh(t.Context(), f.wiki(), second.RefreshToken)
	wantOAuthError(t, err, "invalid_grant") // and harms nobody:
	if !f.works(second) {
		t.Error("another client's try revoked the tokens")
	}
	_, err = refresh(t.Context(), f.client, first.RefreshToken)
	wantOAuthError(t, err, "invalid_grant")
	if f.works(second) {
		t.Error("the second use of a refresh token left the tokens working")
	}
	_, err = refresh(t.Context(), f.client, second.RefreshToken)
	wantOAuthError(t, err, "invalid_grant")
}

func TestRefreshGivesNoMoreThanWasGranted(t *testing.T) {
	f := setUp(t)
	token := f.browser().signIn(f.client, "bob")
	form := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"chat"}, "client_secret": {secret},
		"refresh_token": {token.RefreshToken}, "scope": {"openid groups"},
	}
	f.browser().do(http.MethodPost, f.client.Endpoint.TokenURL, form).wantStatus(http.StatusBadRequest)
	form.Set("scope", "openid email")
	var fewer struct{ Scope string }
	f.browser().do(http.MethodPost, f.client.Endpoint.TokenURL, form).wantStatus(http.StatusOK).jsonOf(&fewer)
	if fewer.Scope != "openid email" {
		t.Errorf("scope %q, want openid email", fewer.Scope)
	}
}

func TestUserInfoTakesOnlyLiveTokens(t *testing.T) {
	f := setUp(t)
	token := f.browser().signIn(f.client, "alice")
	for _, test := range []struct {
		name, method, header string
		status               int
		challenge            string
	}{
		{"none", http.MethodGet, "", 401, `Bearer realm="devidp"`},
		{"unknown", http.MethodGet, "Bearer guess", 401, `Bearer realm="devidp", error="invalid_token"`},
		{"empty", http.MethodGet, "Bearer ", 401, `Bearer realm="devidp", error="invalid_token"`},
		{"basic", http.MethodGet, "Basic " + token.AccessToken, 401, `Bearer realm="devidp"`},
		{"good", http.MethodGet, "Bearer " + token.AccessToken, 200, ""},
		{"good in a post", http.MethodPost, "bearer " + token.AccessToken, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), test.method, f.issuer+"/userinfo", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.header != "" {
				req.Header.Set("Authorization", test.header)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != test.status || res.Header.Get("WWW-Authenticate") != test.challenge {
				t.Errorf("%d with challenge %q", res.StatusCode, res.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestSubjectsAreTheSameInEveryProvider(t *testing.T) {
	one, two := setUp(t), setUp(t)
	for _, account := range one.idp.Accounts() {
		a := one.idToken(one.client, one.browser().signIn(one.client, account.Username))
		b := two.idToken(two.client, two.browser().signIn(two.client, account.Username))
		if a.Subject != b.Subject || a.Subject != account.Subject {
			t.Errorf("%s is %s, %s and %s", account.Username, a.Subject, b.Subject, account.Subject)
		}
	}
}

func wantOAuthError(t *testing.T, err error, code string) {
	t.Helper()
	var got *oauth2.RetrieveError
	if !errors.As(err, &got) || got.ErrorCode != code {
		t.Errorf("error %v, want %s", err, code)
	}
}
