package handlers_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

// technical are words that only those who build such things understand.
var technical = regexp.MustCompile(`(?i)\b(tokens?|nonce|state|issuer|audience|claims?|json|jwt|jwks|oidc|openid|oauth|scope|signature|keys?|` +
	`http|https|tls|endpoint|callback|redirect|parse|error|exception|invalid\w*|[a-z]+_[a-z_]+|null|nil|status|bytes?)\b`)

// TestFaultsOfTheProviderAreToldInPlainWords goes through the classes of what a provider can do wrong.
func TestFaultsOfTheProviderAreToldInPlainWords(t *testing.T) {
	const (
		stale, denied, down = "This sign-in has expired", "You were not signed in", "The identity provider does not answer"
		problem, unsure     = "The identity provider reported a problem", "We could not be sure it is you"
	)
	at := func(path string, h http.HandlerFunc) func(*rogue) { return func(r *rogue) { r.instead[path] = h } }
	claim := func(name string, value any) func(*rogue) { return func(r *rogue) { r.claims[name] = value } }
	answers := func(pairs ...string) func(*rogue, *person) answer {
		return func(r *rogue, p *person) answer {
			query := url.Values{"state": {r.begin(p).Get("state")}}
			for i := 0; i < len(pairs); i += 2 {
				query.Add(pairs[i], pairs[i+1])
			}
			return p.comeBack(query)
		}
	}
	logIn := func(_ *rogue, p *person) answer { return p.get("/users/login") }
	huge := strings.Repeat(theWords, 100_000)

	for _, tc := range []struct {
		name   string
		fault  func(*rogue)                 // nil for none
		try    func(*rogue, *person) answer // nil for coming back with a code
		status int
		title  string
	}{
		{"discovery out of order", at("/.well-known/openid-configuration", says(500, "text/plain", theWords)), logIn, 503, down},
		{"discovery a page", at("/.well-known/openid-configuration", says(200, "text/html", "<html>"+theWords)), logIn, 503, down},
		{"discovery huge", at("/.well-known/openid-configuration", says(200, "application/json", huge)), logIn, 503, down},
		{"discovery elsewhere", at("/.well-known/openid-configuration", leads), logIn, 503, down},
		{"another issuer", func(r *rogue) { r.over["issuer"] = "https://" + theWords }, logIn, 503, down},
		{"script for a page", func(r *rogue) { r.over["authorization_endpoint"] = "javascript:alert('" + theWords + "')" }, logIn, 503, down},

		{"no state", nil, func(r *rogue, p *person) answer { r.begin(p); return p.comeBack(url.Values{"code": {theCode}}) }, 400, stale},
		{"wrong state", nil, func(r *rogue, p *person) answer {
			return p.comeBack(url.Values{"code": {theCode}, "state": {strings.Repeat("x", len(r.begin(p).Get("state")))}})
		}, 400, stale},
		{"state of another browser", nil, func(r *rogue, p *person) answer {
			r.begin(p)
			return p.comeBack(url.Values{"code": {theCode}, "state": {r.begin(r.visitor()).Get("state")}})
		}, 400, stale},
		{"the person said no", nil, answers("error", "access_denied", "error_description", theWords), 403, denied},
		{"an error", nil, answers("error", "server_error", "error_description", theWords, "error_uri", "https://"+theWords), 502, problem},
		{"a page for an error", nil, answers("error", "<img src=x onerror=alert(1)>"+theWords), 502, problem},
		{"neither code nor error", nil, answers(), 502, problem},
		{"code and error", nil, answers("code", theCode, "error", "server_error"), 502, problem},
		{"two codes", nil, answers("code", theCode, "code", theCode), 502, problem},
		{"answer of another issuer", nil, answers("code", theCode, "iss", "https://"+theWords), 502, problem},

		{"tokens out of order", at("/token", says(500, "text/plain", theWords)), nil, 503, down},
		{"tokens elsewhere", at("/token", leads), nil, 503, down},
		{"tokens a page", at("/token", says(200, "text/html", "<html>"+theWords)), nil, 503, down},
		{"tokens huge", at("/token", says(200, "application/json", huge)), nil, 503, down},
		{"code unknown", at("/token", says(400, "application/json", `{"error":"invalid_grant","error_description":"`+theWords+`"}`)), nil, 502, problem},
		{"tokens of another type", at("/token", says(200, "application/json", `{"access_token":"`+theAccess+`","token_type":"DPoP"}`)), nil, 502, problem},
		{"no ID token", at("/token", says(200, "application/json", `{"access_token":"`+theAccess+`","token_type":"Bearer"}`)), nil, 502, unsure},
		{"keys out of order", at("/keys", says(500, "text/plain", theWords)), nil, 503, down},
		{"keys a page", at("/keys", says(200, "text/html", "<html>"+theWords)), nil, 503, down},
		{"keys elsewhere", at("/keys", leads), nil, 503, down},

		{"signed with a foreign key", func(r *rogue) { r.key = rsaKeys().foreign }, nil, 502, unsure},
		{"of another issuer", claim("iss", "https://"+theWords), nil, 502, unsure},
		{"for another client", claim("aud", theWords), nil, 502, unsure},
		{"by another client", claim("azp", theWords), nil, 502, unsure},
		{"of another sign-in", claim("nonce", theWords), nil, 502, unsure},
		{"of another access token", claim("at_hash", theWords), nil, 502, unsure},
		{"about nobody", claim("sub", nil), nil, 502, unsure},
		{"run out", claim("exp", 1), nil, 502, unsure},
		{"userinfo about somebody else", func(r *rogue) {
			r.over["userinfo_endpoint"] = r.server.URL + "/userinfo"
			r.instead["/userinfo"] = says(200, "application/json", `{"sub":"`+theWords+`"}`)
		}, nil, 502, unsure},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, r := openRogue(t, nil)
			p := s.visitor()
			if tc.fault != nil {
				r.change(tc.fault)
			}
			if tc.try == nil {
				tc.try = (*rogue).signIn
			}
			before := s.lastAudited()
			a := tc.try(r, p)
			row := s.lastAudited()
			a.isProblem(t, tc.status, tc.title)
			want(t, "signed in", p.get("/dashboard").status, http.StatusSeeOther)
			want(t, "new rows in the audit log", row.ID-before.ID, 1)
			want(t, "kind", row.Kind, store.AuditSignInRefused)
			want(t, "address", row.Address, "127.0.0.1")

			// What the page offers leads on, once the provider has come to its senses.
			r.behave()
			s.pass(2 * time.Minute)
			href, _ := a.page().Find(".page__actions a.button").First().Attr("href")
			want(t, "what the page offers", href, "/users/login")
			want(t, "trying again", r.signIn(p).status, http.StatusSeeOther)
			want(t, "signed in after all", p.get("/dashboard").status, http.StatusOK)
			for _, secret := range []string{theCode, theAccess, theRefresh, s.secret, "eyJ"} {
				if strings.Contains(s.log.String(), secret) || strings.Contains(row.Detail, secret) {
					t.Errorf("the log or the audit log holds %q", secret)
				}
			}
		})
	}
}

// leads sends whoever comes to another place.
func leads(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/evil?"+theWords, http.StatusTemporaryRedirect)
}

// TestWhoMayNotComeInIsToldWhy is about people whom the provider vouches for.
func TestWhoMayNotComeInIsToldWhy(t *testing.T) {
	s, r := openRogue(t, func(c *auth.Config) { c.Policy.AllowedGroups = []string{"staff"} })
	p := s.visitor()
	r.signIn(p).isProblem(t, 403, "This site is not for that account")

	r.change(func(r *rogue) { r.claims["groups"] = "staff" })
	want(t, "in the group", r.signIn(p).status, http.StatusSeeOther)
	_, err := s.store.SetUserActive(s.Context(), store.Operator, s.lastAudited().Subject.ID, false)
	must(t, err)
	before := s.lastAudited()
	r.signIn(p).isProblem(t, 403, "You can't come in here any more")
	row := s.lastAudited()
	want(t, "new rows in the audit log", row.ID-before.ID, 1)
	want(t, "reason in the audit log", row.Detail, "person is deactivated")
	want(t, "who, in the audit log", row.Subject.Name, "Ada")
}

// isProblem checks a page that tells of a problem: it has a title and a way on, is kept nowhere, gives no session, and has
// no words of machines.
func (a answer) isProblem(t *testing.T, status int, title string) {
	t.Helper()
	want(t, "status", a.status, status)
	want(t, "cache", a.header.Get("Cache-Control"), "no-store")
	want(t, "what others see of the address", a.header.Get("Referrer-Policy"), "same-origin")
	for _, line := range a.header.Values("Set-Cookie") {
		t.Errorf("the page sets a cookie: %s", line)
	}
	page := a.page()
	main := page.Find("main")
	want(t, "heading", main.Find("h1").Text(), title)
	if !strings.HasPrefix(page.Find("title").Text(), title) {
		t.Errorf("the title is %q", page.Find("title").Text())
	}
	if odd := technical.FindString(main.Find("h1, .page__lead, .page__actions").Text()); odd != "" {
		t.Errorf("the page says %q: %s", odd, main.Text())
	}
	for _, secret := range []string{theCode, theAccess, theRefresh, theWords, "eyJ"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
}

// lastAudited returns the newest row of the audit log.
func (s *site) lastAudited() store.AuditEntry {
	s.Helper()
	rows, err := s.store.AuditEntries(s.Context(), store.Operator, store.AuditQuery{Limit: 1})
	must(s, err)
	if len(rows) == 0 {
		return store.AuditEntry{}
	}
	return rows[0]
}
