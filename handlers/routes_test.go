package handlers_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

const (
	html = "text/html; charset=utf-8"
	text = "text/plain; charset=utf-8"
	form = "application/x-www-form-urlencoded"
)

func TestRoutes(t *testing.T) {
	s := open(t, setup{})
	alice, visitor := s.signIn("alice"), s.visitor()
	m := "/chat/General/messages/" + number(alice.say("hello"))
	gone := "/chat/General/messages/" + number(alice.say("oops"))
	want(t, "deleting", alice.post(gone+"/delete", nil).status, 303)
	theirs := "/chat/General/messages/" + number(s.signIn("bob").say("mine"))
	toLogIn := func(path string) string { return "/account/login?return=" + url.QueryEscape(path) }
	const immutable = "public, max-age=31536000, immutable"

	for _, c := range []struct {
		who               *person
		method, path      string
		status            int
		location          string // a whole one, or a beginning that ends with …
		contentType, keep string
	}{
		{visitor, "GET", "/", 200, "", html, "no-store"},
		{alice, "GET", "/", 200, "", html, "no-store"},
		{visitor, "GET", "/account/login", 200, "", html, "no-store"},
		{alice, "GET", "/account/login?return=%2Fchat%2FSports", 303, "/chat/Sports", "", "no-store"},
		{alice, "GET", "/account/login?return=%2F%2Fevil.example", 303, "/dashboard", "", "no-store"},
		{alice, "GET", "/account/login?return=%2F%5Cevil.example", 303, "/dashboard", "", "no-store"},
		{visitor, "GET", "/users/login", 302, "http://127.0.0.1:…", "", "no-store"},
		{visitor, "GET", "/authorization-code/callback", 400, "", html, "no-store"},
		{visitor, "GET", "/authorization-code/callback?state=x&code=y", 400, "", html, "no-store"},
		{visitor, "GET", "/authorization-code/callback?state=x&error=access_denied", 400, "", html, "no-store"},
		// Back and reload after signing in: there is nothing to complain about.
		{alice, "GET", "/authorization-code/callback?state=x&code=y", 303, "/dashboard", "", "no-store"},
		{visitor, "POST", "/users/logout", 303, "/", "", "no-store"},
		{visitor, "GET", "/me.css", 200, "", "text/css; charset=utf-8", "no-store"},
		{alice, "GET", "/me.css?1", 200, "", "text/css; charset=utf-8", "private, max-age=3600"},
		{visitor, "GET", "/account/ending", 303, toLogIn("/account/ending"), "", "no-store"},
		{visitor, "GET", "/dashboard", 303, toLogIn("/dashboard"), "", "no-store"},
		{alice, "GET", "/dashboard", 200, "", html, "no-store"},
		{visitor, "GET", "/chat/General", 303, toLogIn("/chat/General"), "", "no-store"},
		{visitor, "GET", "/chat/General?before=9", 303, toLogIn("/chat/General?before=9"), "", "no-store"},
		{visitor, "HEAD", "/chat/General", 303, toLogIn("/chat/General"), "", "no-store"},
		{visitor, "GET", "/chat/Nowhere", 303, toLogIn("/chat/Nowhere"), "", "no-store"},
		{alice, "GET", "/chat/General", 200, "", html, "no-store"},
		{alice, "HEAD", "/chat/General", 200, "", html, "no-store"},
		{alice, "GET", "/chat/gEnErAl?before=9", 303, "/chat/General?before=9", "", "no-store"},
		{alice, "GET", "/chat/Καφενείο-το-πρωί", 200, "", html, "no-store"},
		{alice, "GET", "/chat/%ce%9a%ce%b1%cf%86%ce%b5%ce%bd%ce%b5%ce%af%ce%bf-%cf%84%ce%bf-%cf%80%cf%81%cf%89%ce%af", 303,
			"/chat/" + url.PathEscape("Καφενείο-το-πρωί"), "", "no-store"},
		{alice, "GET", "/chat/ΚΑΦΕΝΕΊΟ-ΤΟ-ΠΡΩΊ", 303, "/chat/" + url.PathEscape("Καφενείο-το-πρωί"), "", "no-store"},
		{alice, "GET", "/chat/Nowhere", 404, "", html, "no-store"},
		{alice, "GET", "/chat/100%25", 404, "", html, "no-store"},
		{alice, "GET", "/chat/General?before=x", 404, "", html, "no-store"},
		{alice, "GET", "/chat/General?before=1&after=2", 400, "", html, "no-store"},
		{alice, "GET", "/chat/General?before=1", 303, "/chat/General", "", "no-store"},
		{alice, "GET", "/chat/General?after=9223372036854775807", 303, "/chat/General", "", "no-store"},
		{visitor, "GET", "/chat/General/settings", 303, toLogIn("/chat/General/settings"), "", "no-store"},
		{alice, "GET", "/chat/General/settings", 403, "", html, "no-store"},
		{visitor, "GET", "/account/sessions", 303, toLogIn("/account/sessions"), "", "no-store"},
		{alice, "GET", "/account/sessions", 200, "", html, "no-store"},
		{visitor, "GET", "/account/access", 303, toLogIn("/account/access"), "", "no-store"},
		{alice, "GET", "/account/access", 200, "", html, "no-store"},
		{visitor, "GET", "/account/confirm?room=General", 303, toLogIn("/account/confirm?room=General"), "", "no-store"},
		{alice, "GET", "/account/confirm?room=general", 303, "/chat/General", "", "no-store"},
		{alice, "GET", "/account/confirm?room=Nowhere", 404, "", html, "no-store"},
		{visitor, "POST", "/account/sessions/1/end", 401, "", html, "no-store"},
		{alice, "GET", "/account/sessions/1/end", 405, "", html, "no-store"},
		{visitor, "GET", "/admin", 303, toLogIn("/admin"), "", "no-store"},
		{visitor, "GET", "/admin/people?q=x", 303, toLogIn("/admin/people?q=x"), "", "no-store"},
		{alice, "GET", "/admin", 404, "", html, "no-store"},
		{alice, "GET", "/admin/people", 404, "", html, "no-store"},
		{visitor, "GET", m, 303, toLogIn(m), "", "no-store"},
		{alice, "GET", m, 200, "", html, "no-store"},
		{alice, "GET", "/chat/Sports/messages/" + m[strings.LastIndex(m, "/")+1:], 404, "", html, "no-store"},
		{alice, "GET", "/chat/General/messages/999999", 404, "", html, "no-store"},
		{alice, "GET", "/chat/General/messages/x", 404, "", html, "no-store"},
		{alice, "GET", m + "/edit", 200, "", html, "no-store"},
		{alice, "GET", m + "/delete", 200, "", html, "no-store"},
		{alice, "GET", theirs + "/edit", 403, "", html, "no-store"},
		{alice, "GET", theirs + "/delete", 403, "", html, "no-store"},
		{alice, "POST", theirs + "/edit?body=x", 422, "", html, "no-store"},
		{alice, "POST", theirs + "/delete", 403, "", html, "no-store"},
		{alice, "GET", gone + "/edit", 409, "", html, "no-store"},
		{alice, "GET", gone + "/delete", 409, "", html, "no-store"},
		{alice, "POST", gone + "/delete", 303, gone + "#m-" + gone[strings.LastIndex(gone, "/")+1:], "", "no-store"},
		{visitor, "POST", "/chat/General/messages", 401, "", html, "no-store"},
		{visitor, "POST", m + "/edit", 401, "", html, "no-store"},
		{visitor, "POST", m + "/delete", 401, "", html, "no-store"},
		{alice, "GET", "/chat/General/messages", 405, "", html, "no-store"},
		{alice, "HEAD", "/chat/General/messages", 405, "", html, "no-store"},
		{alice, "POST", "/chat/General", 405, "", html, "no-store"},
		{alice, "PUT", m, 405, "", html, "no-store"},
		{alice, "DELETE", m, 405, "", html, "no-store"},
		{visitor, "GET", "/users/logout", 405, "", html, "no-store"},
		{visitor, "GET", "/nowhere", 404, "", html, "no-store"},
		{visitor, "GET", "/chat", 404, "", html, "no-store"},
		{visitor, "GET", "/chat/", 404, "", html, "no-store"},
		{visitor, "GET", "/dashboard/", 404, "", html, "no-store"},
		{visitor, "GET", "/healthz", 200, "", text, ""},
		{visitor, "HEAD", "/healthz", 200, "", "", ""},
		{visitor, "GET", "/readyz", 200, "", text, ""},
		{visitor, "GET", s.assets.URL("app.css"), 200, "", "text/css; charset=utf-8", immutable},
		{visitor, "GET", s.assets.URL("sheet.css"), 200, "", "text/css; charset=utf-8", immutable},
		{visitor, "HEAD", s.assets.URL("htmx.js"), 200, "", "text/javascript; charset=utf-8", immutable},
		{visitor, "GET", s.assets.URL("logo.svg"), 200, "", "image/svg+xml", immutable},
		{visitor, "GET", "/static/of-before/app.css", 200, "", "text/css; charset=utf-8", "no-cache"},
		{visitor, "GET", s.assets.URL("nothing.css"), 404, "", text, ""},
		{visitor, "GET", s.assets.URL("..%2f..%2fstatic.go"), 404, "", text, ""},
		{visitor, "GET", "/static/", 404, "", html, "no-store"},
	} {
		name := map[*person]string{alice: "alice", visitor: "visitor"}[c.who] + " " + c.method + " " + c.path
		t.Run(name, func(t *testing.T) {
			a := c.who.do(c.method, c.path, nil)
			want(t, "status", a.status, c.status)
			got := a.header.Get("Location")
			if start, ok := strings.CutSuffix(c.location, "…"); ok && strings.HasPrefix(got, start) {
				got = c.location
			}
			want(t, "location", got, c.location)
			if c.contentType != "" {
				want(t, "content type", a.header.Get("Content-Type"), c.contentType)
			}
			want(t, "caching", a.header.Get("Cache-Control"), c.keep)
			if !strings.HasPrefix(c.path, "/static/") {
				safe(t, s, a)
			}
			want(t, "sniffing", a.header.Get("X-Content-Type-Options"), "nosniff")
			want(t, "use by other sites", a.header.Get("Cross-Origin-Resource-Policy"), "same-origin")
			if c.status == 405 && a.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if c.contentType == html && c.method != "HEAD" {
				page(t, a, c.who == alice)
			}
		})
	}
}

// safe checks what every answer says to browsers.
func safe(t *testing.T, s *site, a answer) {
	t.Helper()
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
			"connect-src 'self'; form-action 'self' " + s.provider + "; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security":    "",
	} {
		want(t, name, a.header.Get(name), value)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
}

// page checks that an answer is one of our pages.
func page(t *testing.T, a answer, signedIn bool) {
	t.Helper()
	doc := a.page()
	if doc.Find("header.header").Length() != 1 || doc.Find("main#main h1").Length() != 1 || doc.Find("title").Text() == "" {
		t.Errorf("no page: %.300s", a.body)
	}
	want(t, "says who is signed in", doc.Find(".header__who").Length() == 1, signedIn)
	if doc.Find("[style], style, script:not([src]), [onclick], img[src^=http]").Length() > 0 {
		t.Errorf("the page has parts its policy forbids: %s", a.body)
	}
}

func TestHTTPSSaysStayOnHTTPS(t *testing.T) {
	s := open(t, setup{tls: true})
	want(t, "Strict-Transport-Security", s.visitor().get("/").header.Get("Strict-Transport-Security"), "max-age=31536000")
}

func TestComingBackAfterSigningIn(t *testing.T) {
	s := open(t, setup{})
	for _, path := range []string{"/chat/General?before=12", "/chat/" + url.PathEscape("Καφενείο-το-πρωί"), "/dashboard"} {
		visitor := s.visitor()
		asked := visitor.get(visitor.get(path).header.Get("Location"))
		link, _ := asked.page().Find("main a.button").Attr("href")
		u, err := url.Parse(link)
		must(t, err)
		want(t, "log in leads to", u.Path, "/users/login")
		want(t, "and then to", visitor.logIn("alice", u.Query().Get("return")), s.base.String()+path)
	}
}

func TestFragmentRequests(t *testing.T) {
	s := open(t, setup{})
	alice, bob, visitor := s.signIn("alice"), s.signIn("bob"), s.visitor()
	m := "/chat/General/messages/" + number(alice.say("hello"))
	for _, c := range []struct {
		name           string
		who            *person
		method, target string
		form           url.Values
		status         int
		holds          string
	}{
		{"signed out, reading", visitor, "GET", "/chat/General?before=9", nil, 401, "You are signed out"},
		{"signed out, posting", visitor, "POST", "/chat/General/messages", url.Values{"body": {"x"}}, 401, ""},
		{"empty message", alice, "POST", "/chat/General/messages", url.Values{"body": {""}}, 422, "Write something first."},
		{"unknown room", alice, "POST", "/chat/Nowhere/messages", url.Values{"body": {"x"}}, 404, ""},
		{"70 KB", alice, "POST", "/chat/General/messages", url.Values{"body": {strings.Repeat("x", 70<<10)}}, 413, "8,000"},
		{"editing somebody else's", bob, "POST", m + "/edit", url.Values{"body": {"x"}}, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.who.do(c.method, c.target, strings.NewReader(c.form.Encode()), "HX-Request", "true", "Content-Type", form)
			want(t, "status", a.status, c.status)
			doc := a.page()
			part := doc.Find("body > hx-partial")
			want(t, "parts", doc.Find("body").Children().Length(), 1)
			want(t, "target", part.AttrOr("hx-target", ""), "#flash")
			want(t, "warnings", part.Find("p.flash").Length(), 1)
			if c.holds != "You are signed out" && !strings.Contains(part.Text(), c.holds) {
				t.Errorf("it says %q", part.Text())
			}
			safe(t, s, a)
		})
	}
	t.Run("whole pages are still to be had", func(t *testing.T) {
		page(t, alice.get("/chat/General", "HX-Request", "true", "HX-Request-Type", "full"), true)
	})
}

func links(doc *goquery.Document, selector string) []string {
	return doc.Find(selector).Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") })
}
