package devidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

func TestAuthorizationErrorsGoToTheClient(t *testing.T) {
	f := setUp(t)
	for _, test := range []struct {
		name  string
		extra []string
		code  string
	}{
		{"no response_type", []string{"response_type", ""}, "invalid_request"},
		{"implicit flow", []string{"response_type", "id_token"}, "unsupported_response_type"},
		{"hybrid flow", []string{"response_type", "code id_token"}, "unsupported_response_type"},
		{"fragment", []string{"response_mode", "fragment"}, "invalid_request"},
		{"no openid", []string{"scope", "profile email"}, "invalid_scope"},
		{"no PKCE", []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		{"plain PKCE", []string{"code_challenge", verifier, "code_challenge_method", "plain"}, "invalid_request"},
		{"PKCE plain by default", []string{"code_challenge_method", ""}, "invalid_request"},
		{"a challenge S256 does not make", []string{"code_challenge", "short"}, "invalid_request"},
		{"none and another prompt", []string{"prompt", "none login"}, "invalid_request"},
		{"an unknown prompt", []string{"prompt", "create"}, "invalid_request"},
		{"max_age no number", []string{"max_age", "-1"}, "invalid_request"},
		{"a forged id_token_hint", []string{"id_token_hint", "e30.e30.e30"}, "invalid_request"},
		{"a request object", []string{"request", "x"}, "request_not_supported"},
		{"a request_uri", []string{"request_uri", "http://127.0.0.1/"}, "request_uri_not_supported"},
		{"a registration", []string{"registration", "{}"}, "registration_not_supported"},
		{"nobody signed in", []string{"prompt", "none"}, "login_required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := f.in(t)
			back := f.browser().get(authURL(f.client, test.extra...)).params(f.client.RedirectURL)
			if back.Get("error_description") == "" {
				t.Error("no error_description")
			}
			back.Del("error_description")
			want := url.Values{"error": {test.code}, "state": {"the state"}, "iss": {f.issuer}}
			if diff := cmp.Diff(want, back); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a repeated parameter", func(t *testing.T) {
		f := f.in(t)
		back := f.browser().get(authURL(f.client) + "&nonce=2").params(f.client.RedirectURL)
		if back.Get("error") != "invalid_request" {
			t.Errorf("error %q, want invalid_request", back.Get("error"))
		}
	})
}

func TestNothingIsSentToARedirectURIThatIsNotRegistered(t *testing.T) {
	f := setUp(t)
	good := authURL(f.client)
	for name, target := range map[string]string{
		"an unknown client":           authURL(f.client, "client_id", "nobody"),
		"no client":                   authURL(f.client, "client_id", ""),
		"no redirect_uri":             authURL(f.client, "redirect_uri", ""),
		"another path":                authURL(f.client, "redirect_uri", f.rp+"/callback/"),
		"an added query":              authURL(f.client, "redirect_uri", f.rp+"/callback?x=1"),
		"another client's":            authURL(f.client, "redirect_uri", f.rp+"/wiki"),
		"a second redirect_uri":       good + "&redirect_uri=" + url.QueryEscape("http://127.0.0.1:1/"),
		"a second client":             good + "&client_id=wiki",
		"a query beyond all measure":  authURL(f.client, "state", strings.Repeat("x", 8<<10)),
		"an unknown one and an error": authURL(f.client, "redirect_uri", "http://127.0.0.1:1/", "prompt", "none"),
	} {
		t.Run(name, func(t *testing.T) {
			f := f.in(t)
			got := f.browser().get(target).wantStatus(http.StatusBadRequest)
			if got.header.Get("Location") != "" || got.doc.Find("form").Length() > 0 {
				t.Error("the page leads on")
			}
		})
	}
}

func TestPromptNoneAnswersFromTheSession(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	first := f.idToken(f.client, b.signIn(f.client, "alice"))
	f.clock.move(time.Minute)
	wiki := f.wiki()
	code := b.get(authURL(wiki, "prompt", "none")).params(wiki.RedirectURL).Get("code")
	token, err := wiki.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	second := f.idToken(wiki, token)
	var a, c struct {
		AuthTime int64 `json:"auth_time"`
		Sid      string
	}
	if err := first.Claims(&a); err != nil {
		t.Fatal(err)
	}
	if err := second.Claims(&c); err != nil {
		t.Fatal(err)
	}
	if second.Subject != first.Subject || a != c {
		t.Errorf("got %s %+v, want %s %+v", second.Subject, c, first.Subject, a)
	}
}

func TestPromptNoneWantsLoginWhenTheSessionWillNotDo(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	b.signIn(f.client, "alice")
	bob := rawIDToken(f.browser().signIn(f.client, "bob"))
	ask := func(extra ...string) string {
		t.Helper()
		target := authURL(f.client, append(extra, "prompt", "none")...)
		return b.get(target).params(f.client.RedirectURL).Get("error")
	}
	f.clock.move(time.Minute)
	if got := ask("max_age", "60"); got != "" {
		t.Errorf("max_age just reached: %s", got)
	}
	if got := ask("max_age", "59"); got != "login_required" {
		t.Errorf("max_age passed: error %q, want login_required", got)
	}
	if got := ask("id_token_hint", bob); got != "login_required" {
		t.Errorf("hint at another person: error %q, want login_required", got)
	}
	f.clock.move(24 * time.Hour)
	if got := ask(); got != "login_required" {
		t.Errorf("a day later: error %q, want login_required", got)
	}
}

func TestThePageIsShownEvenToThoseSignedIn(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	if page := b.get(authURL(f.client)); strings.Contains(page.doc.Text(), "Signed in as") {
		t.Error("somebody is signed in from the start")
	}
	b.signIn(f.client, "alice")
	page := b.get(authURL(f.client)).wantStatus(http.StatusOK)
	if !strings.Contains(page.doc.Text(), "Signed in as Alice") {
		t.Errorf("page does not say who is signed in: %s", page.doc.Text())
	}
	bob := f.idToken(f.client, b.signIn(f.client, "bob"))
	if want := f.idp.Accounts()[1].Subject; bob.Subject != want {
		t.Errorf("signed in as %s, want bob, %s", bob.Subject, want)
	}
}

func TestComingBackAsTheSamePersonKeepsTheSession(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	first := f.sid(f.client, b.signIn(f.client, "alice"))
	if again := f.sid(f.client, b.signIn(f.client, "alice")); again != first {
		t.Error("the same person in the same browser got another session")
	}
	if other := f.sid(f.client, f.browser().signIn(f.client, "alice")); other == first {
		t.Error("two browsers share a session")
	}
	if bob := f.sid(f.client, b.signIn(f.client, "bob")); bob == first {
		t.Error("two people share a session")
	}
}

func TestRefuseTellsTheClient(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	back := b.press(b.get(authURL(f.client)), "refuse", "yes").params(f.client.RedirectURL)
	if back.Get("error") != "access_denied" || back.Get("state") != "the state" || back.Get("iss") != f.issuer {
		t.Errorf("answer %v, want access_denied", back)
	}
	if len(b.get(authURL(f.client)).doc.Find(".current").Nodes) > 0 {
		t.Error("refusing signed somebody in")
	}
}

func TestLoginPageWorksOnceAndOnlyInItsBrowser(t *testing.T) {
	f := setUp(t)
	mine, other := f.browser(), f.browser()
	page := mine.get(authURL(f.client))
	other.get(authURL(f.client)) // has a cookie of its own
	other.press(page, "account", "alice").wantStatus(http.StatusForbidden)
	f.browser().press(page, "account", "alice").wantStatus(http.StatusForbidden) // has none
	mine.press(page, "account", "alice").params(f.client.RedirectURL)
	mine.press(page, "account", "alice").wantStatus(http.StatusForbidden)

	late := mine.get(authURL(f.client))
	f.clock.move(10 * time.Minute)
	mine.press(late, "account", "alice").wantStatus(http.StatusForbidden)

	mine.press(mine.get(authURL(f.client)), "account", "eve").wantStatus(http.StatusBadRequest)
	mine.do(http.MethodPost, f.issuer+"/authorize/login", url.Values{"account": {"alice"}}).wantStatus(http.StatusForbidden)
}

func TestTwoTabsOfABrowserDoNotDisturbEachOther(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	one, two := b.get(authURL(f.client)), b.get(authURL(f.wiki()))
	b.press(one, "account", "alice").params(f.client.RedirectURL)
	b.press(two, "account", "bob").params(f.wiki().RedirectURL)
}

func TestAuthorizationMayBePosted(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	b.signIn(f.client, "alice")
	u, err := url.Parse(authURL(f.client, "prompt", "none"))
	if err != nil {
		t.Fatal(err)
	}
	// From another site, the first request would come without the session's cookie and the second with it.
	step := f.browser().do(http.MethodPost, f.issuer+"/authorize", u.Query()).wantStatus(http.StatusSeeOther)
	if b.get(step.location.String()).params(f.client.RedirectURL).Get("code") == "" {
		t.Error("no code")
	}
}
