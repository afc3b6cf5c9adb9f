package cluster_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"letstalk/internal/cluster"
)

const (
	sayUnwelcome = "NATS does not accept who this node says it is"
	sayUntrusted = "NATS can't be reached safely"
	sayForbidden = "NATS does not allow this node to tell or hear hints"
)

// write makes a file and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func withPassword(password string) func(*server.Options) {
	return func(o *server.Options) { o.Username, o.Password = "bob", password }
}

func TestWaysToConnect(t *testing.T) {
	ca := newAuthority(t)
	creds, accept := issue(t)
	with := func(ca, creds string) func(*cluster.BusConfig) {
		return func(c *cluster.BusConfig) { c.CA, c.Credentials = ca, creds }
	}
	for _, c := range []struct {
		name   string
		server func(*server.Options)
		before string
		set    func(*cluster.BusConfig)
	}{
		{"user and password", withPassword("s3cret/1"), "nats://bob:s3cret%2F1@", with("", "")},
		{"token", func(o *server.Options) { o.Authorization = "s3cret" }, "nats://s3cret@", with("", "")},
		{"credentials", accept, "nats://", with("", creds)},
		{"own authority", ca.secure(t), "tls://", with(ca.path, "")},
		{"own authority says TLS", ca.secure(t), "nats://", with(ca.path, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, address := startNATS(t, -1, c.server)
			a, b := join(t, c.before+address, c.set), join(t, c.before+address, c.set)
			a.connects(t, 1)
			b.connects(t, 1)
			a.Committed(1)
			b.hearsCommitted(t, 1)
			a.log.wants(t, "s3cret", 0)
			a.log.wants(t, "level=WARN", 0)
		})
	}
}

func TestWrongPasswordIsSaidOnceAndTriedUntilItIsRight(t *testing.T) {
	t.Parallel()
	s, address := startNATS(t, -1, withPassword("other"))
	n := join(t, "nats://bob:s3cret@"+address)
	n.log.says(t, sayUnwelcome)
	eventually(t, "tried again", func() bool { return s.NumClients() == 0 && varz(t, s).TotalConnections > 1 })
	n.log.wants(t, "level=WARN", 1)
	stopNATS(s)

	s, _ = startNATS(t, portOf(t, address), withPassword("s3cret"))
	n.connects(t, 1)
	stopNATS(s)
	n.log.says(t, sayLost)
	startNATS(t, portOf(t, address), withPassword("other"))
	eventually(t, "said again", func() bool { return n.log.count(sayUnwelcome) == 2 })
	n.log.wants(t, "s3cret", 0)
	n.log.wants(t, "bob", 0)
}

func varz(t testing.TB, s *server.Server) *server.Varz {
	t.Helper()
	v, err := s.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestServerOfAnotherAuthorityIsNotTrusted(t *testing.T) {
	for name, plain := range map[string]bool{"another authority": false, "no TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secure := newAuthority(t).secure(t)
			if plain {
				secure = func(*server.Options) {}
			}
			s, address := startNATS(t, -1, secure)
			n := join(t, "tls://bob:s3cret@"+address, func(c *cluster.BusConfig) { c.CA = newAuthority(t).path })
			n.log.says(t, sayUntrusted)
			eventually(t, "tried again", func() bool { return varz(t, s).TotalConnections > 1 })
			n.log.wants(t, "level=WARN", 1)
			n.log.wants(t, sayConnected, 0)
		})
	}
}

func TestServerThatAllowsNoHintsIsSaidOnce(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1, func(o *server.Options) {
		only := &server.SubjectPermission{Allow: []string{"others.>"}}
		o.Users = []*server.User{{Username: "bob", Password: "s3cret", Permissions: &server.Permissions{Publish: only, Subscribe: only}}}
	})
	n := join(t, "nats://bob:s3cret@"+address)
	n.connects(t, 1)
	n.log.says(t, sayForbidden)
	for i := range 3 {
		n.LoginEnded(1)
		n.Committed(1)
		if err := n.Ping(t.Context()); err != nil {
			t.Error(i, err)
		}
	}
	n.Close()
	n.log.wants(t, sayForbidden, 1)
}

func TestCredentialsThatAreReplacedAreReadAgain(t *testing.T) {
	t.Parallel()
	right, accept := issue(t)
	wrong, _ := issue(t)
	_, address := startNATS(t, -1, accept)
	n := join(t, "nats://"+address, func(c *cluster.BusConfig) { c.Credentials = wrong })
	n.log.says(t, sayUnwelcome)
	if err := os.Rename(right, wrong); err != nil {
		t.Fatal(err)
	}
	n.connects(t, 1)
}

func TestSettingsThatCanNeverWork(t *testing.T) {
	text := write(t, "some.txt", "s3cret")
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct{ name, url, creds, ca, workspace, want string }{
		{name: "no URL", url: " , ", want: "NATS_URL is not set"},
		{name: "no scheme", url: "s3cret@nats.example:4222", want: "NATS_URL can't be used, because address 1 in it is no URL"},
		{name: "no slashes", url: "nats:s3cret", want: "address 1 in it names no host"},
		{name: "host alone", url: "localhost:4222", want: "address 1 in it begins with neither nats:// nor tls://"},
		{name: "other scheme", url: "nats://a,http://bob:s3cret@b", want: "address 2 in it begins with neither"},
		{name: "slash in the password", url: "nats://bob:s3cret/x@a", want: "address 1 in it is no URL"},
		{name: "question mark in the token", url: "nats://s3cret?x@a", want: "address 1 in it goes on after the port"},
		{name: "comma in the password", url: "nats://bob:s3cret,x@a", want: "address 1 in it is no URL"},
		{name: "path", url: "nats://bob:s3cret@a/x", want: "address 1 in it goes on after the port"},
		{name: "no host", url: "nats://bob:s3cret@:4222", want: "address 1 in it names no host"},
		{name: "port of words", url: "nats://bob:s3cret@a:b", want: "address 1 in it is no URL"},
		{name: "large port", url: "nats://bob:s3cret@a:65536", want: "address 1 in it has a port that is none"},
		{name: "port zero", url: "nats://a:0", want: "address 1 in it has a port that is none"},
		{name: "no credentials file", creds: missing, want: "NATS_CREDENTIALS=" + missing + ": the file can't be read: no such file"},
		{name: "no credentials in it", creds: text, want: "NATS_CREDENTIALS=" + text + ": there are no credentials in this file"},
		{name: "no CA file", ca: missing, want: "NATS_CA=" + missing + ": the file can't be read: no such file"},
		{name: "no certificate in it", ca: text, want: "NATS_CA=" + text + ": there is no certificate in this file"},
		{name: "workspace of two tokens", workspace: "a.b", want: `the workspace id "a.b" can't be part of a NATS subject`},
		{name: "workspace of all", workspace: ">", want: "the workspace id"},
		{name: "workspace of any", workspace: "*", want: "the workspace id"},
		{name: "workspace of two words", workspace: "a b", want: "the workspace id"},
		{name: "workspace of two lines", workspace: "a\r\nPING", want: "the workspace id"},
		{name: "letters beyond ASCII", workspace: "ä", want: "the workspace id"},
		{name: "long workspace", workspace: strings.Repeat("a", 65), want: "the workspace id"},
		{name: "no workspace", workspace: "-", want: "the workspace id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := cluster.BusConfig{URL: c.url, Credentials: c.creds, CA: c.ca, Workspace: c.workspace, Logger: slog.New(slog.DiscardHandler)}
			if c.url == "" {
				cfg.URL = "nats://bob:s3cret@127.0.0.1:1"
			}
			switch c.workspace {
			case "":
				cfg.Workspace = "WS"
			case "-":
				cfg.Workspace = ""
			}
			b, err := cluster.Connect(cfg)
			if err == nil {
				b.Close()
				t.Fatal("it is accepted")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, want %q", err, c.want)
			}
		})
	}
}
