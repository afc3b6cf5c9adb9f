package auth_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/internal/auth"
	"letstalk/internal/devidp"
)

// development is the provider that comes with the program.
func development(s *site) string {
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String() + "/dev/idp"
	idp, err := devidp.New(devidp.Config{
		Issuer: issuer,
		Clients: []devidp.Client{{
			ID:                     "chat",
			Secret:                 clientSecret,
			RedirectURIs:           []string{s.base.String() + auth.CallbackPath},
			PostLogoutRedirectURIs: []string{s.base.String() + "/"},
		}},
		Now:    s.clock.now,
		Logger: s.log,
	})
	if err != nil {
		s.Fatal(err)
	}
	server.Config.Handler = noteTokens(s, idp)
	server.Start()
	s.Cleanup(server.Close)
	return issuer
}

// noteTokens remembers all tokens a provider gives out as secrets.
func noteTokens(s *site, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			next.ServeHTTP(w, r)
			return
		}
		tee := &tee{ResponseWriter: w}
		next.ServeHTTP(tee, r)
		var answer map[string]any
		json.Unmarshal(tee.body.Bytes(), &answer)
		for name, value := range answer {
			if text, ok := value.(string); ok && strings.HasSuffix(name, "token") {
				s.note(text)
			}
		}
	})
}

type tee struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *tee) Write(p []byte) (int, error) {
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// choose goes to the provider as the site asks and presses a button of its page; it returns the way back.
func (b *browser) choose(button, value string) string {
	b.Helper()
	login := b.get("/users/login?return=" + url.QueryEscape("/chat/General?before=5"))
	form := b.get(login.location)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(form.body))
	if err != nil {
		b.Fatal(err)
	}
	action, _ := doc.Find("form").Attr("action")
	ticket, ok := doc.Find("input[name=ticket]").Attr("value")
	if !ok {
		b.Fatalf("no login page: %d %s", form.status, form.body)
	}
	target, err := url.Parse(login.location)
	if err != nil {
		b.Fatal(err)
	}
	if target, err = target.Parse(action); err != nil {
		b.Fatal(err)
	}
	return b.do(http.MethodPost, target.String(), url.Values{"ticket": {ticket}, button: {value}}).location
}

func TestDevelopmentProviderSignsInAndOut(t *testing.T) {
	s := open(t, development)
	b := s.browser()
	p := b.get(b.choose("account", "alice"))
	want(t, "where the browser goes", p.location, s.base.String()+"/chat/General?before=5")

	identity := s.login(b).User.Identity
	if !strings.HasPrefix(identity.Name, "Alice") || identity.Email == "" {
		t.Errorf("identity: %+v", identity)
	}
	if !slices.Contains(identity.Groups, "admins") {
		t.Errorf("groups: %v", identity.Groups)
	}
	if s.login(b).SID == "" {
		t.Error("the login has no session id of the provider")
	}

	bye := b.post("/users/logout").location
	if !strings.Contains(bye, "/dev/idp/end_session?") {
		t.Fatalf("sign-out leads to %s", bye)
	}
	for range 5 {
		if bye == s.base.String()+"/" {
			break
		}
		p := b.get(bye)
		if p.location == "" {
			t.Fatalf("the provider keeps the browser: %d %s", p.status, p.body)
		}
		bye = p.location
	}
	want(t, "where it ends", bye, s.base.String()+"/")
	want(t, "viewer", b.me(), "")
}

func TestDevelopmentProviderPassesRefusalOn(t *testing.T) {
	s := open(t, development)
	b := s.browser()
	want(t, "answer", b.get(b.choose("refuse", "yes")).body, "denied")
}

func TestHostileNameOfTheDevelopmentProvider(t *testing.T) {
	s := open(t, development)
	b := s.browser()
	b.get(b.choose("account", "mallory"))
	name := s.login(b).User.Identity.Name
	if name == "" || strings.ContainsAny(name, "\u202e\u200b\n\t") {
		t.Errorf("name: %q", name)
	}
}

func TestLogNamesFailuresOnly(t *testing.T) {
	s := open(t, development)
	b := s.browser()
	back := b.choose("account", "alice")
	b.get(back)
	want(t, "replay", b.get(back).body, "stale")
	if !strings.Contains(s.written.String(), "sign-in is unknown, used or expired") {
		t.Errorf("the log does not name the failure:\n%s", &s.written)
	}
	want(t, "secrets looked for", len(s.secrets) > 6, true)
}
