package devidp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"letstalk/internal/devidp"
)

func TestLoginPageOffersEveryAccountAsAButton(t *testing.T) {
	f := setUp(t)
	page := f.browser().get(authURL(f.client)).wantStatus(http.StatusOK)
	got := page.doc.Find("form[method=post] button").Map(func(_ int, s *goquery.Selection) string {
		return s.AttrOr("name", "") + "=" + s.AttrOr("value", "")
	})
	want := []string{"account=alice", "account=bob", "account=carol", "account=mallory", "refuse=yes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("buttons (-want +got):\n%s", diff)
	}
	for _, text := range []string{"Development sign-in: no passwords, only on this machine", "chat", f.rp} {
		if !strings.Contains(page.doc.Text(), text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func TestTheHintedAccountHasTheFocus(t *testing.T) {
	f := setUp(t)
	for _, hint := range []string{"carol", "carol@example.org"} {
		page := f.browser().get(authURL(f.client, "login_hint", hint)).wantStatus(http.StatusOK)
		if got := page.doc.Find("button[autofocus]").AttrOr("value", ""); got != "carol" {
			t.Errorf("hint %s focuses %q, want carol", hint, got)
		}
	}
}

func TestOfManyAccountsOnlyTheHintedOneIsOffered(t *testing.T) {
	var many []devidp.Account
	for i := range 1000 {
		name := fmt.Sprintf("person%d", i)
		many = append(many, devidp.Account{Username: name, Subject: name, Name: name, Email: name + "@example.org"})
	}
	f := setUp(t, many...)
	for hint, want := range map[string]int{"person7": 1, "person7@example.org": 1, "nobody": 1000, "": 1000} {
		page := f.browser().get(authURL(f.client, "login_hint", hint)).wantStatus(http.StatusOK)
		if got := page.doc.Find("button[name=account]"); got.Length() != want || want == 1 && got.AttrOr("value", "") != "person7" {
			t.Errorf("hint %q offers %d accounts, want %d", hint, got.Length(), want)
		}
	}
	if got := f.idToken(f.client, f.browser().signIn(f.client, "person999")).Subject; got != "person999" {
		t.Errorf("signed in as %s", got)
	}
}

func TestMalloryIsTextOnThePage(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	b.signIn(f.client, "mallory")
	page := b.get(authURL(f.client))
	name := f.idp.Accounts()[3].Name
	if !strings.Contains(name, "<script>") || !strings.Contains(name, "\u202e") {
		t.Fatalf("%q is a harmless name", name)
	}
	for _, where := range []string{"button[value=mallory] bdi", ".current bdi"} {
		if got := page.doc.Find(where).Text(); got != name {
			t.Errorf("%s shows %q, want %q", where, got, name)
		}
	}
	if n := page.doc.Find("script").Length(); n != 0 {
		t.Errorf("%d scripts on the page", n)
	}
}

func TestPagesAreLockedDown(t *testing.T) {
	f := setUp(t)
	page := f.browser().get(authURL(f.client))
	policy := "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
	for name, want := range map[string]string{
		"Content-Security-Policy": policy + " " + f.rp,
		"Cache-Control":           "no-store",
		"Referrer-Policy":         "no-referrer",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	failed := f.browser().get(f.issuer + "/authorize").wantStatus(http.StatusBadRequest)
	if got := failed.header.Get("Content-Security-Policy"); got != policy {
		t.Errorf("error page has the policy %s, want %s", got, policy)
	}
	style := f.browser().get(strings.TrimSuffix(f.issuer, "/dev/idp") + page.doc.Find("link[rel=stylesheet]").AttrOr("href", ""))
	if got := style.wantStatus(http.StatusOK).header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("stylesheet is %s", got)
	}
}

func TestCookiesStayWithTheProvider(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	page := b.get(authURL(f.client))
	back := b.press(page, "account", "alice")
	var names []string
	for _, header := range []http.Header{page.header, back.header} {
		for _, cookie := range (&http.Response{Header: header}).Cookies() {
			names = append(names, cookie.Name)
			if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/dev/idp" || cookie.Domain != "" {
				t.Errorf("cookie %s", cookie)
			}
		}
	}
	if diff := cmp.Diff([]string{"devidp_browser", "devidp"}, names); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestDiscoveryTellsWhatTheProviderDoes(t *testing.T) {
	f := setUp(t)
	var got map[string]any
	if err := f.provider.Claims(&got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"issuer":                                         f.issuer,
		"end_session_endpoint":                           f.issuer + "/end_session",
		"response_types_supported":                       []any{"code"},
		"response_modes_supported":                       []any{"query"},
		"grant_types_supported":                          []any{"authorization_code", "refresh_token"},
		"id_token_signing_alg_values_supported":          []any{"RS256"},
		"scopes_supported":                               []any{"openid", "profile", "email", "groups", "offline_access"},
		"code_challenge_methods_supported":               []any{"S256"},
		"acr_values_supported":                           []any{"pwd", "mfa"},
		"token_endpoint_auth_methods_supported":          []any{"client_secret_basic", "client_secret_post"},
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"authorization_response_iss_parameter_supported": true,
		"request_uri_parameter_supported":                false,
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestKeySetHasNoPrivatePart(t *testing.T) {
	f := setUp(t)
	var set struct{ Keys []map[string]string }
	f.browser().get(f.issuer + "/jwks").wantStatus(http.StatusOK).jsonOf(&set)
	if len(set.Keys) != 1 || set.Keys[0]["kid"] == "" || set.Keys[0]["alg"] != "RS256" {
		t.Fatalf("keys %v", set.Keys)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if set.Keys[0][private] != "" {
			t.Errorf("the key set has %s", private)
		}
	}
}

func TestOnlyTheOwnHostIsServedAndOnlyToLoopback(t *testing.T) {
	idp, err := devidp.New(devidp.Config{Issuer: "http://127.0.0.1:8080/dev/idp"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		host, remote, path string
		status             int
	}{
		{"127.0.0.1:8080", "127.0.0.1:5", "/dev/idp/jwks", 200},
		{"127.0.0.1:8080", "[::1]:5", "/dev/idp/jwks", 200},
		{"127.0.0.1:8080", "[::ffff:127.0.0.1]:5", "/dev/idp/jwks", 200},
		{"127.0.0.1:8080", "192.0.2.1:5", "/dev/idp/jwks", 403},
		{"127.0.0.1:8080", "", "/dev/idp/jwks", 403},
		{"127.0.0.1", "127.0.0.1:5", "/dev/idp/jwks", 404},
		{"localhost:8080", "127.0.0.1:5", "/dev/idp/jwks", 404},
		{"rebound.example:8080", "127.0.0.1:5", "/dev/idp/jwks", 404},
		{"127.0.0.1:8080", "127.0.0.1:5", "/jwks", 404},
		{"127.0.0.1:8080", "127.0.0.1:5", "/dev/idp/nothing", 404},
		{"127.0.0.1:8080", "127.0.0.1:5", "/dev/idp/", 200},
		{"127.0.0.1:8080", "127.0.0.1:5", "/dev/idp", 307}, // to the one above
	} {
		r := httptest.NewRequest(http.MethodGet, test.path, nil)
		r.Host, r.RemoteAddr = test.host, test.remote
		w := httptest.NewRecorder()
		idp.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%s from %q to %s: %d, want %d", test.path, test.remote, test.host, w.Code, test.status)
		}
	}
}

func TestIssuerMustBeOnLoopback(t *testing.T) {
	for _, issuer := range []string{
		"http://127.0.0.1:8080/dev/idp", "http://127.9.9.9", "http://[::1]:8080/dev/idp", "http://localhost/idp",
	} {
		if _, err := devidp.New(devidp.Config{Issuer: issuer}); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	for _, issuer := range []string{
		"", "http://192.168.1.2:8080/dev/idp", "http://0.0.0.0:8080", "https://127.0.0.1/dev/idp", "http://chat.example.org",
		"http://localhost.example.org", "http://127.0.0.1.example.org", "http://[::ffff:10.0.0.1]/",
	} {
		_, err := devidp.New(devidp.Config{Issuer: issuer})
		if err == nil || !strings.Contains(err.Error(), "only works on loopback") {
			t.Errorf("%q: error %v, want one that speaks of loopback", issuer, err)
		}
	}
	for _, issuer := range []string{
		"http://127.0.0.1/idp?x", "http://127.0.0.1/idp#x", "http://127.0.0.1/idp/", "http://127.0.0.1/{idp}",
		"http://127.0.0.1/a/../b", "http://alice@127.0.0.1/idp", "http://127.0.0.1/idp?",
	} {
		if _, err := devidp.New(devidp.Config{Issuer: issuer}); err == nil {
			t.Errorf("%s: no error", issuer)
		}
	}
}

func TestClientsMustHaveSoundAddresses(t *testing.T) {
	good := devidp.Client{ID: "chat", Secret: "s", RedirectURIs: []string{"http://localhost:8080/callback"}}
	change := func(f func(c *devidp.Client)) devidp.Client {
		c := good
		f(&c)
		return c
	}
	for name, clients := range map[string][]devidp.Client{
		"twice":           {good, good},
		"no ID":           {change(func(c *devidp.Client) { c.ID = "" })},
		"no secret":       {change(func(c *devidp.Client) { c.Secret = "" })},
		"no redirect URI": {change(func(c *devidp.Client) { c.RedirectURIs = nil })},
		"relative":        {change(func(c *devidp.Client) { c.RedirectURIs = []string{"/callback"} })},
		"script":          {change(func(c *devidp.Client) { c.RedirectURIs = []string{"javascript:alert(1)"} })},
		"fragment":        {change(func(c *devidp.Client) { c.PostLogoutRedirectURIs = []string{"http://localhost/#x"} })},
		"policy":          {change(func(c *devidp.Client) { c.RedirectURIs = []string{"http://a;img-src"} })},
		"back-channel":    {change(func(c *devidp.Client) { c.BackchannelLogoutURI = "ftp://localhost/" })},
	} {
		if _, err := devidp.New(devidp.Config{Issuer: "http://localhost", Clients: clients}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAccountsThatCanNotBeToldApartAreRefused(t *testing.T) {
	one := devidp.Account{Username: "one", Subject: "1"}
	for _, accounts := range [][]devidp.Account{
		{{Username: "one"}}, {{Subject: "1"}}, {one, {Username: "one", Subject: "2"}}, {one, {Username: "two", Subject: "1"}},
	} {
		if _, err := devidp.New(devidp.Config{Issuer: "http://localhost", Accounts: accounts}); err == nil {
			t.Errorf("%+v are accepted", accounts)
		}
	}
}
