package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

// problems collects what is wrong, a line each. Its methods return a value that does for going on looking.
type problems []string

func (p *problems) check(bad bool, format string, args ...any) {
	if bad {
		*p = append(*p, fmt.Sprintf(format, args...))
	}
}

func (p *problems) duration(name, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		p.check(true, "%s=%q: enter a duration, for example 72h or 30m", name, s)
		return time.Hour
	}
	return d
}

// choice reports whether s is the second of two words.
func (p *problems) choice(name, s, first, second string) bool {
	p.check(s != first && s != second, "%s=%q: enter %s or %s", name, s, first, second)
	return s == second
}

func (p *problems) level(s string) slog.Level {
	var level slog.Level
	p.check(level.UnmarshalText([]byte(s)) != nil, "LOG_LEVEL=%q: enter debug, info, warn or error", s)
	return level
}

func (p *problems) rooms(s string) []string {
	names := list(s)
	for _, name := range names {
		var invalid *store.InvalidError
		_, err := store.NewRoom{Name: name, Visibility: store.Open}.Check()
		if errors.As(err, &invalid) {
			p.check(true, "ROOMS: %q can't be a room: %s", name, invalid.Reason)
		}
	}
	return names
}

// params reads parameters as they stand in an address.
func (p *problems) params(s string) url.Values {
	params, err := url.ParseQuery(s)
	if err != nil {
		p.check(true, "OIDC_PARAMS=%q: write NAME=VALUE, with & between several, for example access_type=offline&prompt=consent", s)
		return nil
	}
	if err := auth.CheckParams(params); err != nil {
		p.check(true, "OIDC_PARAMS=%q: %v", s, err)
	}
	if len(params) == 0 {
		return nil
	}
	return params
}

// policy reads what the provider's claims give people.
func (p *problems) policy(v variables) auth.Policy {
	policy := auth.Policy{GroupsClaim: v.GroupsClaim}
	p.each("OIDC_GROUPS_CLAIM", auth.CheckClaimPath(v.GroupsClaim))
	var err error
	policy.AdminGroups, err = auth.ParsePatterns(v.AdminGroups)
	p.each("ADMIN_GROUPS", err)
	policy.AllowedGroups, err = auth.ParsePatterns(v.AllowedGroups)
	p.each("ALLOWED_GROUPS", err)
	policy.AllowedDomains, err = auth.ParseDomains(v.AllowedDomains)
	p.each("ALLOWED_DOMAINS", err)
	policy.Rules, err = auth.ParseRules(v.GroupRooms)
	p.each("GROUP_ROOMS", err)
	return policy
}

// each adds the lines of an error about a variable.
func (p *problems) each(name string, err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		p.check(true, "%s: %s", name, strings.TrimSuffix(line, "\n"))
	}
}

func (p *problems) networks(s string) []netip.Prefix {
	var networks []netip.Prefix
	for _, part := range list(s) {
		network, err := netip.ParsePrefix(part)
		if addr, alone := netip.ParseAddr(part); alone == nil {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		p.check(err != nil, "TRUSTED_PROXIES: %q is no address or network, for example 10.0.0.0/8", part)
		networks = append(networks, network)
	}
	return networks
}

// list returns the parts between commas that are not blank.
func list(s string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
