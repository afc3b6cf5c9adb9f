// Package config turns the environment into a Config, reporting every problem at once.
package config

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// minSessionKey is how many bytes SESSION_KEY needs at least; "openssl rand -base64 32" gives 44.
const minSessionKey = 32

// Config is the program's configuration, checked.
type Config struct {
	Listen      string
	BaseURL     *url.URL // nil in dev mode: known once the port is
	DatabaseURL string
	Dev         bool

	Issuer       string
	ClientID     string
	ClientSecret string
	Scopes       []string
	GroupsClaim  string

	Rooms           []string
	SessionKey      [32]byte // zero in dev mode: made anew at each start
	SessionIdle     time.Duration
	SessionLifetime time.Duration

	TrustedProxies []netip.Prefix
	RateLimit      bool
	LogLevel       slog.Level
	LogJSON        bool
}

// variables is the environment as it is written. Each field's tag names its variable and default.
type variables struct {
	Listen          string        `env:"LISTEN" envDefault:"127.0.0.1:8080"`
	BaseURL         string        `env:"BASE_URL"`
	DatabaseURL     string        `env:"DATABASE_URL" envDefault:"sqlite:letstalk.db"`
	Issuer          string        `env:"OIDC_ISSUER"`
	ClientID        string        `env:"OIDC_CLIENT_ID"`
	ClientSecret    string        `env:"OIDC_CLIENT_SECRET"`
	Scopes          string        `env:"OIDC_SCOPES" envDefault:"openid profile email"`
	GroupsClaim     string        `env:"OIDC_GROUPS_CLAIM" envDefault:"groups"`
	Rooms           []string      `env:"ROOMS" envDefault:"General,Sports,Music"`
	SessionKey      string        `env:"SESSION_KEY"`
	SessionIdle     time.Duration `env:"SESSION_IDLE" envDefault:"72h"`
	SessionLifetime time.Duration `env:"SESSION_LIFETIME" envDefault:"720h"`
	TrustedProxies  []string      `env:"TRUSTED_PROXIES"`
	RateLimit       string        `env:"RATE_LIMIT" envDefault:"on"`
	LogLevel        slog.Level    `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat       string        `env:"LOG_FORMAT" envDefault:"text"`
}

// secrets may also come from a file named by NAME_FILE, so that they need not stand in the environment.
var secrets = []string{"OIDC_CLIENT_SECRET", "SESSION_KEY", "DATABASE_URL"}

// Load reads the configuration from an environment ("NAME=value" pairs) and, for what that leaves open, from the file
// dotenv if it exists. The error lists every problem, one a line.
func Load(environ []string, dotenv string, dev bool) (Config, error) {
	values, problems := gather(environ, dotenv)
	var v variables
	if err := env.ParseWithOptions(&v, env.Options{Environment: values}); err != nil {
		var all env.AggregateError
		if !errors.As(err, &all) {
			return Config{}, err
		}
		for _, e := range all.Errors {
			problems = append(problems, strings.TrimPrefix(e.Error(), "env: "))
		}
	}
	c := Config{
		Listen: v.Listen, DatabaseURL: v.DatabaseURL, Dev: dev,
		Issuer: v.Issuer, ClientID: v.ClientID, ClientSecret: v.ClientSecret,
		Scopes: strings.Fields(v.Scopes), GroupsClaim: v.GroupsClaim, Rooms: v.Rooms,
		SessionIdle: v.SessionIdle, SessionLifetime: v.SessionLifetime,
		LogLevel: v.LogLevel,
	}
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}

	host, _, err := net.SplitHostPort(v.Listen)
	check(err != nil, "LISTEN=%q is no address: write HOST:PORT, for example 127.0.0.1:8080", v.Listen)
	check(dev && err == nil && !loopback(host),
		"LISTEN=%q: with -dev the program listens on this machine only, for example 127.0.0.1:8080", v.Listen)

	if v.BaseURL != "" {
		c.BaseURL, err = parseBaseURL(v.BaseURL)
		check(err != nil, "BASE_URL=%q: %v", v.BaseURL, err)
		check(dev && err == nil && !loopback(c.BaseURL.Hostname()),
			"BASE_URL=%q: with -dev the site is for this machine only, for example http://localhost:8080", v.BaseURL)
	} else {
		check(!dev, "BASE_URL is not set: say under which address people reach the site, for example https://chat.example.org")
	}

	if !dev {
		check(v.Issuer == "", "OIDC_ISSUER is not set: say which identity provider people sign in with, or start with -dev to try it out")
		check(v.ClientID == "", "OIDC_CLIENT_ID is not set: register the site at the identity provider and enter the id it gives")
		check(v.SessionKey == "", "SESSION_KEY is not set: enter a secret of 32 characters or more, for example from: openssl rand -base64 32")
	}
	check(v.SessionKey != "" && len(v.SessionKey) < minSessionKey, "SESSION_KEY is too short: it needs 32 characters or more, for example from: openssl rand -base64 32")
	if v.SessionKey != "" {
		c.SessionKey = sha256.Sum256([]byte("letstalk session key\x00" + v.SessionKey))
	}
	check(v.SessionLifetime <= 0, "SESSION_LIFETIME=%v: a session must last some time, for example 720h", v.SessionLifetime)
	check(v.SessionIdle < 0, "SESSION_IDLE=%v: enter a duration, for example 72h, or 0 for no limit", v.SessionIdle)

	for _, s := range v.TrustedProxies {
		prefix, err := parsePrefix(strings.TrimSpace(s))
		check(err != nil, "TRUSTED_PROXIES: %q is no address or network, for example 10.0.0.0/8", s)
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	c.RateLimit, err = onOff(v.RateLimit)
	check(err != nil, "RATE_LIMIT=%q: enter on or off", v.RateLimit)
	check(v.LogFormat != "text" && v.LogFormat != "json", "LOG_FORMAT=%q: enter text or json", v.LogFormat)
	c.LogJSON = v.LogFormat == "json"

	if len(problems) > 0 {
		return Config{}, errors.New(strings.Join(problems, "\n"))
	}
	return c, nil
}

// gather merges the environment over the .env file and reads the secrets that are kept in files.
func gather(environ []string, dotenv string) (values map[string]string, problems []string) {
	values, err := godotenv.Read(dotenv)
	if err != nil {
		values = map[string]string{}
		if !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Sprintf("%s can't be read: %v", dotenv, err))
		}
	}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values[name] = value
		}
	}
	for _, name := range secrets {
		file := values[name+"_FILE"]
		if file == "" {
			continue
		}
		content, err := os.ReadFile(file)
		switch {
		case values[name] != "":
			problems = append(problems, fmt.Sprintf("%s and %s_FILE are both set: keep one", name, name))
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s_FILE can't be read: %v", name, err))
		default:
			values[name] = strings.TrimSpace(string(content))
		}
	}
	return values, problems
}

// parseBaseURL accepts what a browser may be sent to: an origin, on https unless it is this machine.
func parseBaseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return nil, errors.New("enter an address such as https://chat.example.org")
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, errors.New("enter the origin alone, without path, query or user, such as https://chat.example.org")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("plain http is for this machine only: cookies and messages would travel in the clear; use https")
	}
	u.Path = ""
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func onOff(s string) (bool, error) {
	switch cmp.Or(s, "on") {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, errors.New("neither on nor off")
}
