package auth_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

func TestNewRefusesWhatIsNotSafe(t *testing.T) {
	good := func() auth.Config {
		return auth.Config{
			Issuer: "https://id.example", ClientID: "chat", BaseURL: &url.URL{Scheme: "https", Host: "chat.example"},
			Key: make([]byte, 32), Lifetime: time.Hour,
		}
	}
	check := func(c auth.Config) error {
		_, err := auth.New(c, nil, func(store.LoginID) {}, slog.New(slog.DiscardHandler))
		return err
	}
	base := func(raw string) func(*auth.Config) {
		return func(c *auth.Config) {
			var err error
			if c.BaseURL, err = url.Parse(raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	issuer := func(raw string) func(*auth.Config) { return func(c *auth.Config) { c.Issuer = raw } }

	for name, edit := range map[string]func(*auth.Config){
		"http beyond loopback":          base("http://chat.example"),
		"http on an address":            base("http://10.0.0.1:8080"),
		"host that starts as localhost": base("http://localhost.evil.example"),
		"another scheme":                base("ftp://chat.example"),
		"base without a host":           base("https:///chat"),
		"base with a query":             base("https://chat.example/?a=b"),
		"no base":                       func(c *auth.Config) { c.BaseURL = nil },
		"no key":                        func(c *auth.Config) { c.Key = nil },
		"short key":                     func(c *auth.Config) { c.Key = make([]byte, 16) },
		"no client id":                  func(c *auth.Config) { c.ClientID = "" },
		"no issuer":                     issuer(""),
		"issuer in clear":               issuer("http://id.example"),
		"issuer no URL":                 issuer("id.example"),
		"issuer with a password":        issuer("https://a:b@id.example"),
		"issuer with a directive":       issuer("https://id.example;script-src"),
		"no lifetime":                   func(c *auth.Config) { c.Lifetime = 0 },
		"negative idle time":            func(c *auth.Config) { c.Idle = -1 },
	} {
		c := good()
		edit(&c)
		if check(c) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for name, edit := range map[string]func(*auth.Config){
		"https":               func(*auth.Config) {},
		"http on localhost":   base("http://localhost:8080"),
		"http on 127.0.0.1":   base("http://127.0.0.1:8080"),
		"http on ::1":         base("http://[::1]:8080"),
		"issuer on loopback":  issuer("http://127.0.0.1:8080/dev/idp"),
		"issuer with a slash": issuer("https://id.example/"),
	} {
		c := good()
		edit(&c)
		if err := check(c); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	err := check(auth.Config{})
	for _, word := range []string{"issuer", "client id", "base URL", "key", "lifetime"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("an empty configuration does not mention the %s: %v", word, err)
		}
	}
}
