package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"letstalk/internal/auth"
	"letstalk/internal/devidp"
)

// clinic is a site behind a proxy, with the development provider as one of its own, and all that the doctor reads.
type clinic struct {
	t    *testing.T
	env  []string
	site *program
}

func newClinic(t *testing.T, proxy func(http.Handler) http.Handler, env ...string) *clinic {
	t.Helper()
	folder(t)
	front, provider := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	base, issuer := "http://"+front.Listener.Addr().String(), "http://"+provider.Listener.Addr().String()
	idp, err := devidp.New(devidp.Config{Issuer: issuer, Clients: []devidp.Client{{
		ID: "letstalk", Secret: "secret", RedirectURIs: []string{base + auth.CallbackPath}, PostLogoutRedirectURIs: []string{base + "/"},
		BackchannelLogoutURI: base + "/users/backchannel-logout",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	provider.Config.Handler = idp
	provider.Start()
	t.Cleanup(provider.Close)
	c := &clinic{t: t, env: append([]string{
		"LISTEN=127.0.0.1:0", "BASE_URL=" + base, "TRUSTED_PROXIES=127.0.0.1", "OIDC_ISSUER=" + issuer, "OIDC_CLIENT_ID=letstalk",
		"OIDC_CLIENT_SECRET=secret", "OIDC_SCOPES=openid profile email offline_access", "SESSION_KEY=" + strings.Repeat("k", 40),
	}, env...)}
	c.site = launch(t, nil, c.env...)
	_, at, _ := strings.Cut(strings.TrimSuffix(c.site.says, "."), "It listens on ")
	front.Config.Handler = proxy(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: at}))
	front.Start()
	t.Cleanup(front.Close)
	return c
}

func asIs(h http.Handler) http.Handler { return h }

var rehearsalLink = regexp.MustCompile(`^ +(http://\S+/users/rehearse\?ticket=\S+)$`)

// examine runs the doctor, has somebody sign in if that is wanted, and returns what it said.
func (c *clinic) examine(account string, args ...string) (lines []string, err error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"doctor"}, args...), c.env, in, io.Discard)
		_ = in.Close()
		done <- err
	}()
	said := make(chan string, 1000) // the doctor goes on writing while somebody signs in
	go func() {
		defer close(said)
		for in := bufio.NewScanner(out); in.Scan(); {
			said <- in.Text()
		}
	}()
	for line := range said {
		lines = append(lines, line)
		if link := rehearsalLink.FindStringSubmatch(line); link != nil {
			c.signIn(account, link[1])
		}
	}
	return lines, <-done
}

// signIn opens the link of a rehearsal in a browser and signs in.
func (c *clinic) signIn(account, link string) {
	c.t.Helper()
	v := c.site.visitor()
	login := v.got(v.Get(link))
	form := login.Find("form:has(button[name=account])")
	action, err := login.Request.URL.Parse(form.AttrOr("action", ""))
	if err != nil {
		c.t.Fatal(err)
	}
	end := v.got(v.PostForm(action.String(), url.Values{"ticket": {form.Find("input[name=ticket]").AttrOr("value", "")}, "account": {account}}))
	if text := end.Find("main").Text(); end.StatusCode != http.StatusOK || !strings.Contains(text, "Go back to the terminal") {
		c.t.Errorf("the rehearsal ended at %s: %s", end.Request.URL.Path, text)
	}
}

// complaints are the lines that are not ok.
func complaints(lines []string) (all []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, "warning ") || strings.HasPrefix(line, "failure ") {
			all = append(all, line)
		}
	}
	return all
}

func TestDoctorFindsNothing(t *testing.T) {
	c := newClinic(t, asIs, "ADMIN_GROUPS=admins", "GROUP_ROOMS=staff=Engineering:moderator")
	lines, err := c.examine("alice")
	text := strings.Join(lines, "\n")
	if all := complaints(lines); err != nil || len(all) > 0 {
		t.Errorf("%v\n%s\n%s", err, text, c.site.log)
	}
	for _, say := range []string{
		"ok       The configuration is complete.",
		"ok       Streams arrive as they are sent.",
		"ok       The rehearsed sign-in passed all checks.",
		"ok       The e-mail address is alice@example.org.",
		"ok       Groups, by the claim groups: staff, admins.",
		"ok       They would be moderator of Engineering: ",
		" 0 warnings, 0 failures",
	} {
		if !strings.Contains(text, say) {
			t.Errorf("it does not say %q:\n%s", say, text)
		}
	}
	if people := done(t, []string{"admin", "list"}); !strings.Contains(people, "no administrator yet") {
		t.Errorf("the rehearsal made %s", people)
	}
}

// badProxy collects whole answers, lets nobody post and takes a header away.
func badProxy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		all := httptest.NewRecorder()
		h.ServeHTTP(all, r)
		all.Header().Del("Content-Security-Policy")
		for name, values := range all.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(all.Code)
		_, _ = w.Write(all.Body.Bytes())
	})
}

func TestDoctorSeesWhatAProxyDoes(t *testing.T) {
	lines, err := newClinic(t, badProxy).examine("", "-no-rehearsal")
	if err == nil || err.Error() != "3 failures; what helps is below each" {
		t.Errorf("it ends with %v", err)
	}
	got := complaints(lines)
	want := []string{
		"failure  Headers that protect people are lost or changed on the way: Content-Security-Policy.",
		"failure  The back-channel address does not answer as it should: 403 Forbidden.",
		"failure  Something on the way collects streams: three frames that were sent a second apart arrived together. New messages would come late.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it says\n%s", strings.Join(lines, "\n"))
	}
}

func TestDoctorSeesAnotherSite(t *testing.T) {
	c := newClinic(t, asIs)
	begun(t, "other.db")
	c.env = append(c.env, "DATABASE_URL=sqlite:other.db", "OIDC_CLIENT_ID=other")
	lines, err := c.examine("", "-no-rehearsal")
	text := strings.Join(complaints(lines), "\n")
	if err == nil || !strings.Contains(text, `does not know what was just written to the database here: it uses another one`) ||
		!strings.Contains(text, `The running site has other settings: it signs in the client "letstalk"`) ||
		!strings.Contains(text, `answers 400 Bad Request to the client "other"`) {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestDoctorBeginsWithTheConfiguration(t *testing.T) {
	folder(t)
	var out strings.Builder
	err := run(t.Context(), []string{"doctor"}, []string{"LISTEN=x", "BASE_URL=http://chat.example.org"}, &out, io.Discard)
	if err == nil || err.Error() != "5 failures; what helps is below each" {
		t.Errorf("it ends with %v", err)
	}
	if lines := strings.Split(out.String(), "\n"); len(complaints(lines)) != 5 || !strings.HasPrefix(lines[0], `failure  LISTEN="x" is no address: write HOST:PORT`) {
		t.Errorf("it says\n%s", out.String())
	}
}

func TestDoctorGoesOnWithoutWhatIsAway(t *testing.T) {
	folder(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + taken.Addr().String()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = run(t.Context(), []string{"doctor"}, []string{"BASE_URL=" + nobody, "OIDC_ISSUER=" + nobody, "OIDC_CLIENT_ID=chat",
		"SESSION_KEY=" + strings.Repeat("k", 40)}, &out, io.Discard)
	all := strings.Join(complaints(strings.Split(out.String(), "\n")), "\n")
	for _, say := range []string{"there is no database letstalk.db: is the database URL the right one?", "The provider can't be reached at ", "The site can't be reached at "} {
		if !strings.Contains(all, "failure  "+say) {
			t.Errorf("it does not say %q:\n%s", say, out.String())
		}
	}
	if err == nil || err.Error() != "3 failures; what helps is below each" {
		t.Errorf("it ends with %v", err)
	}
}

func TestDoctorSaysHow(t *testing.T) {
	folder(t)
	for _, c := range []struct{ arg, want string }{
		{"x", `unknown argument "x"; see letstalk doctor -h`},
		{"-x", "flag provided but not defined: -x; see letstalk doctor -h"},
	} {
		if got := refused(t, []string{"doctor", c.arg}); got != c.want {
			t.Errorf("it says %q, want %q", got, c.want)
		}
	}
	if err := run(t.Context(), []string{"doctor"}, nil, fullDisk{}, io.Discard); err == nil || err.Error() != "no space left" {
		t.Errorf("it ends with %v", err)
	}
}
