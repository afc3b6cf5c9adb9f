package config

import (
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/auth"
	"letstalk/store"
)

const key = "0123456789abcdef0123456789abcdef"

// working is an environment that says all that must be said.
func working(more ...string) []string {
	return append([]string{
		"BASE_URL=https://chat.example.org",
		"OIDC_ISSUER=https://login.example.org",
		"OIDC_CLIENT_ID=chat",
		"SESSION_KEY=" + key,
	}, more...)
}

// nowhere is a .env file that does not exist.
func nowhere(t *testing.T) string { return filepath.Join(t.TempDir(), ".env") }

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, environ []string, dotenv string, dev bool) Config {
	t.Helper()
	c, err := Load(environ, dotenv, dev)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	compare := []cmp.Option{
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b *url.URL) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
	}
	if diff := cmp.Diff(want, got, compare...); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func defaults() Config {
	return Config{
		Listen: "127.0.0.1:8080", DatabaseURL: "sqlite:letstalk.db",
		BaseURL: &url.URL{Scheme: "https", Host: "chat.example.org"},
		Issuer:  "https://login.example.org", ClientID: "chat",
		Scopes:      []string{"openid", "profile", "email"},
		Policy:      auth.Policy{GroupsClaim: "groups"},
		Rooms:       []string{"General", "Sports", "Music"},
		SessionKey:  sha256.Sum256([]byte("letstalk session key\x00" + key)),
		SessionIdle: 72 * time.Hour, SessionLifetime: 720 * time.Hour, SessionRecheck: 15 * time.Minute,
		RateLimit: true, LogLevel: slog.LevelInfo,
	}
}

func TestDefaults(t *testing.T) {
	equal(t, load(t, working(), nowhere(t), false), defaults())
}

func TestEmptyIsNotSet(t *testing.T) {
	var empty []string
	for _, v := range documented() {
		empty = append(empty, v.name+"=")
	}
	equal(t, load(t, append(empty, working()...), nowhere(t), false), defaults())
}

func TestEveryVariable(t *testing.T) {
	got := load(t, working(
		"BASE_URL=https://chat.example.org:8443/",
		"LISTEN=[::1]:0",
		"DATABASE_URL=postgres://chat@db/chat",
		"NATS_URL=tls://a.example.org,tls://b.example.org",
		"NATS_CREDENTIALS=/etc/chat.creds",
		"NATS_CA=/etc/ca.pem",
		"OIDC_ISSUER=https://login.example.org/",
		"OIDC_CLIENT_ID=id",
		"OIDC_CLIENT_SECRET=secret",
		"OIDC_SCOPES= openid  groups ",
		"OIDC_PARAMS=access_type=offline&prompt=consent",
		"OIDC_GROUPS_CLAIM=realm_access.roles",
		`ADMIN_GROUPS=root, "CN=Admins,OU=Groups"`,
		"ALLOWED_GROUPS=staff,eng-*",
		"ALLOWED_DOMAINS=Example.org, *.example.org",
		"GROUP_ROOMS=eng-*=Engineering:moderator, staff=General",
		"ROOMS= Tea & Biscuits ,, Κόσμος,",
		"SESSION_IDLE=0",
		"SESSION_LIFETIME=1h30m",
		"SESSION_RECHECK=1m",
		"TRUSTED_PROXIES=10.0.0.0/8, ::1 ,192.0.2.1",
		"RATE_LIMIT=off",
		"LOG_LEVEL=debug",
		"LOG_FORMAT=json",
	), nowhere(t), false)
	want := Config{
		Listen: "[::1]:0", DatabaseURL: "postgres://chat@db/chat",
		NATSURL: "tls://a.example.org,tls://b.example.org", NATSCredentials: "/etc/chat.creds", NATSCA: "/etc/ca.pem",
		BaseURL: &url.URL{Scheme: "https", Host: "chat.example.org:8443"},
		Issuer:  "https://login.example.org/", ClientID: "id", ClientSecret: "secret",
		Scopes: []string{"openid", "groups"}, Params: url.Values{"access_type": {"offline"}, "prompt": {"consent"}},
		Policy: auth.Policy{
			GroupsClaim:    "realm_access.roles",
			AdminGroups:    []string{"root", "CN=Admins,OU=Groups"},
			AllowedGroups:  []string{"staff", "eng-*"},
			AllowedDomains: []string{"example.org", "*.example.org"},
			Rules: []auth.Rule{
				{Pattern: "eng-*", Room: "Engineering", Role: store.Moderator},
				{Pattern: "staff", Room: "General", Role: store.Member},
			},
		},
		Rooms:           []string{"Tea & Biscuits", "Κόσμος"},
		SessionKey:      defaults().SessionKey,
		SessionLifetime: 90 * time.Minute, SessionRecheck: time.Minute,
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.1/32"),
		},
		LogLevel: slog.LevelDebug, LogJSON: true,
	}
	equal(t, got, want)
}

func TestDev(t *testing.T) {
	t.Run("needs nothing", func(t *testing.T) {
		c, again := load(t, nil, nowhere(t), true), load(t, nil, nowhere(t), true)
		if c.BaseURL != nil || c.Issuer != "" || !c.Dev {
			t.Errorf("%+v", c)
		}
		if c.SessionKey == [32]byte{} || c.SessionKey == again.SessionKey {
			t.Error("the session key is not made anew")
		}
	})
	t.Run("keeps a session key that is set", func(t *testing.T) {
		equal(t, load(t, []string{"SESSION_KEY=" + key}, nowhere(t), true).SessionKey, defaults().SessionKey)
	})
	t.Run("leaves the scopes to the provider it brings", func(t *testing.T) {
		for _, environ := range [][]string{nil, {"OIDC_SCOPES="}} {
			if c := load(t, environ, nowhere(t), true); c.Scopes != nil {
				t.Errorf("%q: scopes %q", environ, c.Scopes)
			}
		}
		asked := load(t, []string{"OIDC_SCOPES=openid profile email"}, nowhere(t), true)
		equal(t, asked.Scopes, defaults().Scopes)
		own := load(t, []string{"OIDC_ISSUER=https://login.example.org", "OIDC_CLIENT_ID=chat"}, nowhere(t), true)
		equal(t, own.Scopes, defaults().Scopes)
	})
	for _, listen := range []string{"localhost:80", "127.0.0.1:0", "127.8.8.8:80", "[::1]:80"} {
		t.Run("may listen on "+listen, func(t *testing.T) {
			equal(t, load(t, []string{"LISTEN=" + listen}, nowhere(t), true).Listen, listen)
		})
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, set string
		want      string
	}{
		{"listen without port", "LISTEN=127.0.0.1", `LISTEN="127.0.0.1" is no address: write HOST:PORT, for example 127.0.0.1:8080`},
		{"NATS for one file", "NATS_URL=nats://me:hunter2@nats.example.org",
			`NATS_URL is for several nodes, and those need PostgreSQL: set DATABASE_URL to postgres://…, or leave NATS_URL out`},
		{"profiles for everybody", "DEBUG_LISTEN=:6060", `DEBUG_LISTEN=":6060": profiles are for this machine only, for example 127.0.0.1:6060`},
		{"profiles without port", "DEBUG_LISTEN=localhost", `DEBUG_LISTEN="localhost": profiles are for this machine only, for example 127.0.0.1:6060`},
		{"base URL without scheme", "BASE_URL=chat.example.org", `BASE_URL="chat.example.org": enter an address such as https://chat.example.org`},
		{"base URL of another scheme", "BASE_URL=ftp://chat.example.org", `BASE_URL="ftp://chat.example.org": enter an address such as https://chat.example.org`},
		{"base URL that is garbage", "BASE_URL=https://chat;script-src *", `BASE_URL="https://chat;script-src *": enter an address such as https://chat.example.org`},
		{"base URL without port after the colon", "BASE_URL=https://chat.example.org:", `BASE_URL="https://chat.example.org:": enter an address such as https://chat.example.org`},
		{"base URL in letters browsers rewrite", "BASE_URL=https://chät.example.org", `BASE_URL="https://chät.example.org": enter an address such as https://chat.example.org`},
		{"base URL with a path", "BASE_URL=https://example.org/chat", `BASE_URL="https://example.org/chat": enter the origin alone, without path, query or user, such as https://chat.example.org`},
		{"base URL with a query", "BASE_URL=https://example.org?", `BASE_URL="https://example.org?": enter the origin alone, without path, query or user, such as https://chat.example.org`},
		{"base URL with a password", "BASE_URL=https://me:hunter2@example.org", `BASE_URL="…@example.org": enter the origin alone, without path, query or user, such as https://chat.example.org`},
		{"http on a public host", "BASE_URL=http://chat.example.org", `BASE_URL="http://chat.example.org": plain http is for this machine only: cookies and messages would travel in the clear; use https`},
		{"issuer that is no URL", "OIDC_ISSUER=login.example.org", `OIDC_ISSUER="login.example.org": enter the issuer as the provider writes it, such as https://login.example.org`},
		{"issuer with a query", "OIDC_ISSUER=https://login.example.org?p=1", `OIDC_ISSUER="https://login.example.org?p=1": enter the issuer as the provider writes it, such as https://login.example.org`},
		{"issuer in the clear", "OIDC_ISSUER=http://login.example.org", `OIDC_ISSUER="http://login.example.org": plain http is for this machine only; use https`},
		{"discovery address as issuer", "OIDC_ISSUER=https://login.example.org/.well-known/openid-configuration",
			`OIDC_ISSUER="https://login.example.org/.well-known/openid-configuration": leave off /.well-known/openid-configuration`},
		{"room without letters", "ROOMS=General,👍", `ROOMS: "👍" can't be a room: A room's name needs at least one letter or digit.`},
		{"parameters that are none", "OIDC_PARAMS=a=%zz", `OIDC_PARAMS="a=%zz": write NAME=VALUE, with & between several, for example access_type=offline&prompt=consent`},
		{"parameter of our own", "OIDC_PARAMS=state=1", `OIDC_PARAMS="state=1": state is not to be set by hand`},
		{"parameter given twice", "OIDC_PARAMS=a=1&a=2", `OIDC_PARAMS="a=1&a=2": "a" is no parameter with one value`},
		{"groups behind a broken pointer", "OIDC_GROUPS_CLAIM=/a~b", `OIDC_GROUPS_CLAIM: "/a~b" begins with a slash, so a ~ in a name is to be written ~0, and a slash ~1`},
		{"administrators without a group", `ADMIN_GROUPS=""`, `ADMIN_GROUPS: "\"\"" names no group: write its name, or a beginning such as eng-*`},
		{"allowed groups with an open quote", `ALLOWED_GROUPS=staff,"eng`, `ALLOWED_GROUPS: "\"eng" opens a double quote and does not close it`},
		{"allowed domain with an @", "ALLOWED_DOMAINS=@example.org", `ALLOWED_DOMAINS: "@example.org" is no domain: write example.org, or *.example.org for all below it`},
		{"rules without rooms", "GROUP_ROOMS=eng,staff", `GROUP_ROOMS: "eng" is no rule: write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator` + "\n" +
			`GROUP_ROOMS: "staff" is no rule: write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator`},
		{"rule with another role", "GROUP_ROOMS=eng=Engineering:owner",
			`GROUP_ROOMS: "eng=Engineering:owner": "owner" is no role: write :member or :moderator, or put a room with a colon in its name into double quotes`},
		{"short session key", "SESSION_KEY=hunter2", `SESSION_KEY is too short: it needs 32 characters or more, for example from: openssl rand -base64 32`},
		{"idle that is no duration", "SESSION_IDLE=3 days", `SESSION_IDLE="3 days": enter a duration, for example 72h or 30m`},
		{"negative idle", "SESSION_IDLE=-1h", `SESSION_IDLE="-1h": enter a duration, for example 72h or 30m`},
		{"re-check that is no duration", "SESSION_RECHECK=often", `SESSION_RECHECK="often": enter a duration, for example 72h or 30m`},
		{"no lifetime", "SESSION_LIFETIME=0", `SESSION_LIFETIME=0: a session must last some time, for example 720h`},
		{"proxy by name", "TRUSTED_PROXIES=10.0.0.1,proxy", `TRUSTED_PROXIES: "proxy" is no address or network, for example 10.0.0.0/8`},
		{"rate limit", "RATE_LIMIT=no", `RATE_LIMIT="no": enter off or on`},
		{"log level", "LOG_LEVEL=loud", `LOG_LEVEL="loud": enter debug, info, warn or error`},
		{"log format", "LOG_FORMAT=xml", `LOG_FORMAT="xml": enter text or json`},
		{"secret file that is not there", "OIDC_CLIENT_SECRET_FILE=/nowhere", `OIDC_CLIENT_SECRET_FILE can't be read: open /nowhere: no such file or directory`},
		{"secret twice", "SESSION_KEY_FILE=/dev/null", `SESSION_KEY and SESSION_KEY_FILE are both set: keep one`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(working(c.set), nowhere(t), false)
			if err == nil {
				t.Fatal("accepted")
			}
			equal(t, err.Error(), c.want)
		})
	}
}

func TestProblemsOfDev(t *testing.T) {
	for set, want := range map[string]string{
		"LISTEN=0.0.0.0:8080":                   `LISTEN="0.0.0.0:8080": with -dev the program listens on this machine only, for example 127.0.0.1:8080`,
		"LISTEN=:8080":                          `LISTEN=":8080": with -dev the program listens on this machine only, for example 127.0.0.1:8080`,
		"LISTEN=localhost.example.org:80":       `LISTEN="localhost.example.org:80": with -dev the program listens on this machine only, for example 127.0.0.1:8080`,
		"BASE_URL=https://chat.example.org":     `BASE_URL="https://chat.example.org": with -dev the site is for this machine only, for example http://localhost:8080`,
		"OIDC_ISSUER=https://login.example.org": `OIDC_CLIENT_ID is not set: register the site at the identity provider and enter the id it gives`,
	} {
		t.Run(set, func(t *testing.T) {
			_, err := Load([]string{set}, nowhere(t), true)
			if err == nil {
				t.Fatal("accepted")
			}
			equal(t, err.Error(), want)
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Load([]string{
		"LISTEN=8080", "LOG_LEVEL=loud", "LOG_FORMAT=xml", "RATE_LIMIT=maybe", "SESSION_IDLE=x", "SESSION_LIFETIME=y",
		"TRUSTED_PROXIES=p,q", "ROOMS=?", "OIDC_CLIENT_SECRET_FILE=/nowhere",
	}, nowhere(t), false)
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, name := range []string{
		"LISTEN", "LOG_LEVEL", "LOG_FORMAT", "RATE_LIMIT", "SESSION_IDLE", "SESSION_LIFETIME", "TRUSTED_PROXIES", "ROOMS",
		"OIDC_CLIENT_SECRET_FILE", "BASE_URL", "OIDC_ISSUER", "OIDC_CLIENT_ID", "SESSION_KEY",
	} {
		n := 0
		for _, line := range lines {
			if strings.HasPrefix(line, name+" ") || strings.HasPrefix(line, name+"=") || strings.HasPrefix(line, name+":") {
				n++
			}
		}
		want := 1
		if name == "TRUSTED_PROXIES" {
			want = 2
		}
		if n != want {
			t.Errorf("%d lines about %s, want %d, in:\n%v", n, name, want, err)
		}
	}
	if len(lines) != 14 {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
}

// Every value below is wrong, or in the company of wrong ones, and none may be shown.
func TestSecretsStayOutOfErrors(t *testing.T) {
	for name, environ := range map[string][]string{
		"session key":   {"SESSION_KEY=hunter2"},
		"client secret": {"OIDC_CLIENT_SECRET=hunter2", "OIDC_CLIENT_SECRET_FILE=" + file(t, "hunter2")},
		"database":      {"DATABASE_URL=postgres://me:hunter2@db/chat", "DATABASE_URL_FILE=" + file(t, "hunter2")},
		"in URLs":       {"BASE_URL=http://me:hunter2@example.org/?", "OIDC_ISSUER=https://me:hunter2@example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(append(environ, "LISTEN=x"), nowhere(t), false)
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestSources(t *testing.T) {
	dotenv := file(t, "# our chat\nexport LISTEN=127.0.0.1:1\nLOG_LEVEL='warn'\nROOMS=\"Tea\"\nOIDC_CLIENT_SECRET='a$b #c'\n")
	t.Run(".env fills in, the environment wins", func(t *testing.T) {
		c := load(t, working("LOG_LEVEL=error"), dotenv, false)
		if c.Listen != "127.0.0.1:1" || c.LogLevel != slog.LevelError || c.ClientSecret != "a$b #c" {
			t.Errorf("%+v", c)
		}
		equal(t, c.Rooms, []string{"Tea"})
	})
	t.Run("an empty variable of the environment takes back what .env says", func(t *testing.T) {
		equal(t, load(t, working("LISTEN="), dotenv, false).Listen, "127.0.0.1:8080")
	})
	t.Run("rules in .env, between single quotes", func(t *testing.T) {
		c := load(t, working(), file(t, `GROUP_ROOMS='"CN=Ops,OU=Groups"=Operations:moderator'`), false)
		equal(t, c.Policy.Rules, []auth.Rule{{Pattern: "CN=Ops,OU=Groups", Room: "Operations", Role: store.Moderator}})
	})
	t.Run("no re-check", func(t *testing.T) {
		equal(t, load(t, working("SESSION_RECHECK=0"), nowhere(t), false).SessionRecheck, time.Duration(0))
	})
	t.Run("secrets come from files", func(t *testing.T) {
		c := load(t, []string{
			"BASE_URL=https://chat.example.org", "OIDC_ISSUER=https://login.example.org", "OIDC_CLIENT_ID=chat",
			"SESSION_KEY_FILE=" + file(t, key+"\n"),
			"OIDC_CLIENT_SECRET_FILE=" + file(t, "  secret\r\n"),
			"DATABASE_URL_FILE=" + file(t, "sqlite:other.db"),
		}, nowhere(t), false)
		equal(t, c.SessionKey, defaults().SessionKey)
		equal(t, c.ClientSecret, "secret")
		equal(t, c.DatabaseURL, "sqlite:other.db")
	})
	t.Run("an empty secret file is a secret not set", func(t *testing.T) {
		_, err := Load(working("SESSION_KEY=", "SESSION_KEY_FILE="+file(t, "\n")), nowhere(t), false)
		if err == nil || !strings.HasPrefix(err.Error(), "SESSION_KEY is not set") {
			t.Errorf("error %v", err)
		}
	})
}

func TestBrokenDotenv(t *testing.T) {
	for _, c := range []struct {
		name, content, line string
	}{
		{"words", "LISTEN=:1\nthis is no setting hunter2\nROOMS=a\n", "line 2"},
		{"last line without =", "LISTEN=:1\n\nhunter2", "line 3"},
		{"name with a space", "MY KEY=hunter2\n", "line 1"},
		{"open quote", "LISTEN=:1\nA=b\nSESSION_KEY=\"hunter2\nLOG_LEVEL=info\n", "line 3"},
		{"open quote after a value of two lines", "A='1\n2'\nSESSION_KEY='hunter2\n", "line 3"},
		{"no text", "\x00\xff\n", "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t, c.content)
			_, err := Load(nil, path, false)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, say := range []string{path, c.line + " ", "write NAME=value"} {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q does not say %q", err, say)
				}
			}
			if strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q is not one line without secrets", err)
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		dir := t.TempDir()
		if _, err := Load(nil, dir, false); err == nil || !strings.HasPrefix(err.Error(), dir+" can't be read") {
			t.Errorf("error %v", err)
		}
	})
}
