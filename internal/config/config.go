// Package config turns the environment into a Config, reporting every problem at once.
package config

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"letstalk/internal/auth"
)

// minSessionKey is how many bytes SESSION_KEY needs at least; "openssl rand -base64 32" gives 44.
const minSessionKey = 32

// Config is the program's configuration, checked.
type Config struct {
	Listen      string
	BaseURL     *url.URL // nil if it is to follow from the port, in dev mode only
	DatabaseURL string
	Dev         bool

	NATSURL         string // empty for no bus
	NATSCredentials string // path, or empty
	NATSCA          string // path, or empty

	Issuer       string // empty for the development provider
	ClientID     string
	ClientSecret string
	Scopes       []string   // nil if they are to be those of the development provider
	Params       url.Values // of authorization requests, beyond our own
	Policy       auth.Policy

	Rooms           []string
	SessionKey      [32]byte // in dev mode made anew at each start, unless it is set
	SessionIdle     time.Duration
	SessionLifetime time.Duration
	SessionRecheck  time.Duration // 0 for never

	TrustedProxies []netip.Prefix
	RateLimit      bool
	LogLevel       slog.Level
	LogJSON        bool
	DebugListen    string // empty for no profiles
}

// variables is the environment as it is written: each field's tags name its variable, the default and what it is for.
// The help and the README list them in this order.
type variables struct {
	BaseURL         string `env:"BASE_URL" help:"where people reach the site, for example https://chat.example.org; with -dev http://localhost:PORT unless set"`
	Listen          string `env:"LISTEN" envDefault:"127.0.0.1:8080" help:"address and port to listen on; port 0 takes a free one"`
	DatabaseURL     string `env:"DATABASE_URL" envDefault:"sqlite:letstalk.db" help:"where everything is kept: sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE"`
	NATSURL         string `env:"NATS_URL" help:"where several nodes on one PostgreSQL tell each other what is new at once, for example tls://nats.example.org; without it that takes up to a second"`
	NATSCredentials string `env:"NATS_CREDENTIALS" help:"path of the .creds file that NATS gave, if it wants one"`
	NATSCA          string `env:"NATS_CA" help:"path of the certificates that sign those of NATS, if they are your own"`
	Issuer          string `env:"OIDC_ISSUER" help:"the identity provider's issuer, exactly as the provider writes it"`
	ClientID        string `env:"OIDC_CLIENT_ID" help:"the id the provider gave this site"`
	ClientSecret    string `env:"OIDC_CLIENT_SECRET" help:"the secret the provider gave this site; none for a public client"`
	Scopes          string `env:"OIDC_SCOPES" envDefault:"openid profile email" help:"what to ask the provider for"`
	Params          string `env:"OIDC_PARAMS" help:"more to tell the provider when somebody is sent there to sign in, for example prompt=consent"`
	GroupsClaim     string `env:"OIDC_GROUPS_CLAIM" envDefault:"groups" help:"the claim that lists a person's groups, or a path into one such as realm_access.roles"`
	AdminGroups     string `env:"ADMIN_GROUPS" help:"groups whose people are administrators, for example chat-admins; * stands for any characters"`
	AllowedGroups   string `env:"ALLOWED_GROUPS" help:"groups whose people may come in; everybody the provider lets through unless set"`
	AllowedDomains  string `env:"ALLOWED_DOMAINS" help:"domains of verified e-mail addresses that may come in, for example example.org,*.example.org"`
	GroupRooms      string `env:"GROUP_ROOMS" help:"which groups are in which rooms, for example eng-*=Engineering:moderator,staff=General"`
	Rooms           string `env:"ROOMS" envDefault:"General,Sports,Music" help:"rooms made at the first start"`
	SessionKey      string `env:"SESSION_KEY" help:"secret of 32 characters or more; keep it between starts"`
	SessionIdle     string `env:"SESSION_IDLE" envDefault:"72h" help:"unused sessions end after this; 0 for never"`
	SessionLifetime string `env:"SESSION_LIFETIME" envDefault:"720h" help:"all sessions end after this"`
	SessionRecheck  string `env:"SESSION_RECHECK" envDefault:"15m" help:"sessions in use ask the provider this often whether the person is still welcome; 0 for never"`
	TrustedProxies  string `env:"TRUSTED_PROXIES" help:"addresses or networks whose X-Forwarded-For is believed, for example 10.0.0.0/8"`
	RateLimit       string `env:"RATE_LIMIT" envDefault:"on" help:"off only for load tests"`
	LogLevel        string `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	LogFormat       string `env:"LOG_FORMAT" envDefault:"text" help:"text or json"`
	DebugListen     string `env:"DEBUG_LISTEN" help:"an address of this machine, such as 127.0.0.1:6060, that answers Go's profiles under /debug/pprof/; none unless set"`
}

// Load reads the configuration from an environment ("NAME=value" pairs) and, for what that leaves open, from the file
// dotenv if it exists. An empty value counts as not set. The error lists every problem, one a line, and holds no secret.
func Load(environ []string, dotenv string, dev bool) (Config, error) {
	file, err := readDotenv(dotenv)
	if err != nil {
		return Config{}, err // what it would have set is unknown, so there is no use in looking further
	}
	var p problems
	var v variables
	environment := p.merge(file, environ, secrets)
	if err := env.ParseWithOptions(&v, env.Options{Environment: environment}); err != nil {
		return Config{}, err
	}
	c := Config{
		Listen: v.Listen, DatabaseURL: v.DatabaseURL, Dev: dev,
		NATSURL: v.NATSURL, NATSCredentials: v.NATSCredentials, NATSCA: v.NATSCA,
		Issuer: v.Issuer, ClientID: v.ClientID, ClientSecret: v.ClientSecret,
		Scopes: strings.Fields(v.Scopes), Params: p.params(v.Params), Policy: p.policy(v),
		Rooms: p.rooms(v.Rooms), TrustedProxies: p.networks(v.TrustedProxies),
		SessionIdle:     p.duration("SESSION_IDLE", v.SessionIdle),
		SessionLifetime: p.duration("SESSION_LIFETIME", v.SessionLifetime),
		SessionRecheck:  p.duration("SESSION_RECHECK", v.SessionRecheck),
		RateLimit:       p.choice("RATE_LIMIT", v.RateLimit, "off", "on"),
		LogLevel:        p.level(v.LogLevel),
		LogJSON:         p.choice("LOG_FORMAT", v.LogFormat, "text", "json"),
		DebugListen:     v.DebugListen,
	}
	if dev && v.Issuer == "" && environment["OIDC_SCOPES"] == "" {
		c.Scopes = nil
	}
	p.check(v.NATSURL != "" && strings.HasPrefix(v.DatabaseURL, "sqlite:"),
		"NATS_URL is for several nodes, and those need PostgreSQL: set DATABASE_URL to postgres://…, or leave NATS_URL out")
	p.listen(v.Listen, dev)
	p.debugListen(v.DebugListen)
	if v.BaseURL != "" {
		c.BaseURL = p.baseURL(v.BaseURL, dev)
	} else {
		p.check(!dev, "BASE_URL is not set: say under which address people reach the site, for example https://chat.example.org")
	}
	p.check(v.Issuer == "" && !dev, "OIDC_ISSUER is not set: say which identity provider people sign in with, or start with -dev to try it out")
	p.issuer(v.Issuer)
	p.check(v.ClientID == "" && (!dev || v.Issuer != ""), "OIDC_CLIENT_ID is not set: register the site at the identity provider and enter the id it gives")
	p.check(c.SessionLifetime == 0, "SESSION_LIFETIME=%v: a session must last some time, for example 720h", v.SessionLifetime)

	switch {
	case v.SessionKey == "" && dev:
		_, _ = rand.Read(c.SessionKey[:]) // never fails
	case v.SessionKey == "":
		p.check(true, "SESSION_KEY is not set: enter a secret of 32 characters or more, for example from: openssl rand -base64 32")
	case len(v.SessionKey) < minSessionKey:
		p.check(true, "SESSION_KEY is too short: it needs 32 characters or more, for example from: openssl rand -base64 32")
	default:
		c.SessionKey = sha256.Sum256([]byte("letstalk session key\x00" + v.SessionKey))
	}
	if len(p) > 0 {
		return Config{}, errors.New(strings.Join(p, "\n"))
	}
	return c, nil
}

// LoadDatabaseURL reads DATABASE_URL as Load does, and nothing else.
func LoadDatabaseURL(environ []string, dotenv string) (string, error) {
	file, err := readDotenv(dotenv)
	if err != nil {
		return "", err
	}
	var p problems
	var v variables
	if err := env.ParseWithOptions(&v, env.Options{Environment: p.merge(file, environ, []string{"DATABASE_URL"})}); err != nil {
		return "", err
	}
	if len(p) > 0 {
		return "", errors.New(strings.Join(p, "\n"))
	}
	return v.DatabaseURL, nil
}

func (p *problems) listen(s string, dev bool) {
	host, _, err := net.SplitHostPort(s)
	p.check(err != nil, "LISTEN=%q is no address: write HOST:PORT, for example 127.0.0.1:8080", s)
	p.check(dev && err == nil && !auth.IsLoopback(host),
		"LISTEN=%q: with -dev the program listens on this machine only, for example 127.0.0.1:8080", s)
}

// debugListen wants the profiles kept to this machine: they show what the program holds in memory.
func (p *problems) debugListen(s string) {
	host, _, err := net.SplitHostPort(s)
	p.check(s != "" && (err != nil || !auth.IsLoopback(host)),
		"DEBUG_LISTEN=%q: profiles are for this machine only, for example 127.0.0.1:6060", s)
}

func (p *problems) baseURL(s string, dev bool) *url.URL {
	u, err := parseBaseURL(s)
	p.check(err != nil, "BASE_URL=%q: %v", redacted(s), err)
	p.check(dev && err == nil && !auth.IsLoopback(u.Hostname()),
		"BASE_URL=%q: with -dev the site is for this machine only, for example http://localhost:8080", s)
	return u
}

// parseBaseURL accepts what a browser may be sent to: an origin, on https unless it is this machine.
func parseBaseURL(s string) (*url.URL, error) {
	u, err := parseURL(s)
	switch {
	case err != nil:
		return nil, errors.New("enter an address such as https://chat.example.org")
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		return nil, errors.New("enter the origin alone, without path, query or user, such as https://chat.example.org")
	case u.Scheme == "http" && !auth.IsLoopback(u.Hostname()):
		return nil, errors.New("plain http is for this machine only: cookies and messages would travel in the clear; use https")
	}
	u.Path = ""
	return u, nil
}

const discoveryPath = "/.well-known/openid-configuration"

func (p *problems) issuer(s string) {
	if s == "" {
		return
	}
	u, err := parseURL(s)
	switch {
	case err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		p.check(true, "OIDC_ISSUER=%q: enter the issuer as the provider writes it, such as https://login.example.org", redacted(s))
	case u.Scheme == "http" && !auth.IsLoopback(u.Hostname()):
		p.check(true, "OIDC_ISSUER=%q: plain http is for this machine only; use https", s)
	case strings.HasSuffix(u.Path, discoveryPath):
		p.check(true, "OIDC_ISSUER=%q: leave off %s", s, discoveryPath)
	}
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", strings.HasSuffix(u.Host, ":"), !auth.IsPlainHost(u.Host):
		return nil, errors.New("no web address")
	}
	return u, nil
}

// redacted returns a URL as it may be shown: people paste passwords into the oddest places.
func redacted(s string) string {
	if _, rest, found := strings.Cut(s, "@"); found {
		return "…@" + rest
	}
	return s
}
