package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestDevHosts(t *testing.T) {
	for _, c := range []struct {
		addr         string
		named        bool
		site, issuer string
	}{
		{"127.0.0.1:8080", true, "localhost:8080", "127.0.0.1:8080"},
		{"127.0.0.1:8080", false, "localhost:8080", "127.0.0.1:8080"},
		{"[::ffff:127.0.0.1]:8080", true, "localhost:8080", "127.0.0.1:8080"},
		{"[::1]:8080", true, "localhost:8080", "localhost:8080"},
		{"[::1]:8080", false, "localhost:8080", "[::1]:8080"},
		{"127.0.0.2:8080", true, "127.0.0.2:8080", "127.0.0.2:8080"},
	} {
		site, issuer := devHosts(netip.MustParseAddrPort(c.addr), func(netip.Addr) bool { return c.named })
		if site != c.site || issuer != c.issuer {
			t.Errorf("%s (localhost: %v): %s and %s, want %s and %s", c.addr, c.named, site, issuer, c.site, c.issuer)
		}
	}
}

func TestDev(t *testing.T) {
	listens := []string{"127.0.0.1:0", "localhost:0"}
	for _, more := range []string{"[::1]:0", "127.0.0.2:0"} {
		if l, err := net.Listen("tcp", more); err == nil { // TestDevHosts covers what this machine has not
			_ = l.Close()
			listens = append(listens, more)
		}
	}
	for _, listen := range listens {
		t.Run("serves and signs in at "+listen, func(t *testing.T) {
			folder(t)
			p := launch(t, []string{"-dev"}, "LISTEN="+listen)
			if p.says != "Log in as alice, bob, carol or mallory, no password." {
				t.Errorf("it says %q", p.says)
			}
			v := p.visitor()
			room := v.signIn("alice", "/chat/General")
			if who := room.Find(".header__who").Text(); !strings.Contains(who, "Alice Adams") {
				t.Errorf("signed in as %q", who)
			}
			out := v.got(v.PostForm(p.base+"/users/logout", nil))
			if out.StatusCode != http.StatusOK || out.Request.URL.Path != "/" || out.Request.URL.Host != strings.TrimPrefix(p.base, "http://") {
				t.Errorf("logging out ends at %s, %s", out.Request.URL, out.Status)
			}
			v.signIn("bob", "/dashboard")
			v.leaveProvider()
			until(t, func() bool { return v.open("/dashboard").Request.URL.Path == "/account/login" }, func() string {
				return "bob signed out at the provider and is still signed in here\n" + p.log.String()
			})
		})
	}
	t.Run("leads from the number to the name", func(t *testing.T) {
		folder(t)
		p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0")
		v := p.visitor()
		end := v.got(v.Get(strings.Replace(p.base, "localhost", "127.0.0.1", 1) + "/chat/General?before=7"))
		if want := p.base + "/account/login?return=%2Fchat%2FGeneral%3Fbefore%3D7"; end.Request.URL.String() != want {
			t.Errorf("ended at %s, want %s", end.Request.URL, want)
		}
	})
	t.Run("serves under the number if BASE_URL says so", func(t *testing.T) {
		folder(t)
		at := freePort(t)
		p := launch(t, []string{"-dev"}, "LISTEN="+at, "BASE_URL=http://"+at)
		if p.base != "http://"+at {
			t.Errorf("it says it is at %s", p.base)
		}
		p.visitor().signIn("bob", "/dashboard")
	})
	t.Run("takes a provider of one's own", func(t *testing.T) {
		folder(t)
		p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0", "OIDC_ISSUER=http://127.0.0.1:1", "OIDC_CLIENT_ID=chat")
		if !strings.HasPrefix(p.says, "It listens on 127.0.0.1:") {
			t.Errorf("it says %q", p.says)
		}
		v := p.visitor()
		if home := v.open("/"); home.StatusCode != http.StatusOK {
			t.Errorf("home answers %s", home.Status)
		}
		if demo := v.open(demoPath + "/.well-known/openid-configuration"); demo.StatusCode != http.StatusNotFound {
			t.Errorf("the demo provider answers %s", demo.Status)
		}
	})
}

// leaveProvider signs out at the demo provider, on the page whose address the program printed.
func (v *visitor) leaveProvider() {
	v.t.Helper()
	line := regexp.MustCompile(`(?m)^Sign out of their provider at (\S+)$`)
	var at []string
	until(v.t, func() bool { at = line.FindStringSubmatch(v.program.more.String()); return at != nil }, func() string {
		return "the program did not print where the provider is: " + v.program.more.String()
	})
	session := v.got(v.Get(at[1]))
	form := session.Find("form:has(button)")
	action, err := session.Request.URL.Parse(form.AttrOr("action", ""))
	if err != nil || form.Length() != 1 {
		v.t.Fatalf("%s shows no session: %s", at[1], session.Text())
	}
	ticket := form.Find("input[name=ticket]").AttrOr("value", "")
	if gone := v.got(v.PostForm(action.String(), url.Values{"ticket": {ticket}})); gone.StatusCode != http.StatusOK {
		v.t.Fatalf("signing out at the provider: %s: %s", gone.Status, gone.Text())
	}
}

// story is somebody's visit: pages, a login, a message, a refusal, a logout.
func story(p *program) *visitor {
	p.t.Helper()
	v := p.visitor()
	v.open("/")
	v.signIn("mallory", "/chat/General")
	v.got(v.PostForm(p.base+"/chat/General/messages", map[string][]string{"body": {"between us hunter2"}, "nonce": {"n0nce-of-the-form"}}))
	v.open("/authorization-code/callback?code=st0len-code&state=st0len-state-st0len-state-st0len-state-st0len")
	v.got(v.PostForm(p.base+"/users/logout", nil))
	return v
}

func TestLogHoldsNoSecrets(t *testing.T) {
	folder(t)
	p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0", "LOG_LEVEL=debug")
	v := story(p)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	// two cookies and a ticket; state, nonce, challenge, code; the hint; what the story makes up
	if len(v.seen) < 8 {
		t.Fatalf("the story had only %d secrets", len(v.seen))
	}
	log := p.log.String()
	for _, secret := range append(v.seen, "hunter2", "n0nce-of-the-form", "st0len", "eyJ") {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	for _, name := range []string{"code=", "state=", "Cookie", "hint"} {
		if strings.Contains(log, name) {
			t.Errorf("the log holds %q:\n%s", name, log)
		}
	}
}

func TestLogHasOneLinePerRequest(t *testing.T) {
	folder(t)
	p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0", "LOG_FORMAT=json")
	home := p.visitor().open("/")
	story(p)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, line := range lines(p.log) {
		var entry struct{ Msg, ID, Method, Path, Address string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if entry.Msg != "request" {
			continue
		}
		if entry.ID == "" || ids[entry.ID] || entry.Method == "" || !strings.HasPrefix(entry.Path, "/") || entry.Address != "127.0.0.1" {
			t.Errorf("%s", line)
		}
		ids[entry.ID] = true
	}
	if !ids[home.Header.Get("X-Request-Id")] || len(ids) < 8 {
		t.Errorf("%d requests logged:\n%s", len(ids), p.log)
	}
}

func TestLogLevel(t *testing.T) {
	for level, requests := range map[string]bool{"debug": true, "info": true, "warn": false, "error": false} {
		t.Run(level, func(t *testing.T) {
			folder(t)
			p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0", "LOG_LEVEL="+level)
			p.visitor().open("/")
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			if got := regexp.MustCompile(`(?m)^time=\S+ level=INFO msg=request .*path=/ `).MatchString(p.log.String()); got != requests {
				t.Errorf("requests are logged: %v\n%s", got, p.log)
			}
		})
	}
}
