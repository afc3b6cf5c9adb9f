package config

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// help describes each variable for people; the tests hold it against the variables there are.
var help = []struct{ name, fallback, text string }{
	{"BASE_URL", "with -dev http://localhost:PORT", "where people reach the site, for example https://chat.example.org"},
	{"LISTEN", "127.0.0.1:8080", "address and port to listen on"},
	{"DATABASE_URL", "sqlite:letstalk.db", "where messages are kept"},
	{"OIDC_ISSUER", "", "the identity provider's issuer URL"},
	{"OIDC_CLIENT_ID", "", "the id the provider gave this site"},
	{"OIDC_CLIENT_SECRET", "", "the secret the provider gave this site"},
	{"OIDC_SCOPES", "openid profile email", "what to ask the provider for"},
	{"OIDC_GROUPS_CLAIM", "groups", "the claim that lists a person's groups"},
	{"ROOMS", "General,Sports,Music", "rooms made at the first start"},
	{"SESSION_KEY", "", "secret of 32 characters or more; keep it between starts"},
	{"SESSION_IDLE", "72h", "unused sessions end after this; 0 for never"},
	{"SESSION_LIFETIME", "720h", "sessions end after this"},
	{"TRUSTED_PROXIES", "", "networks whose X-Forwarded-For is believed, for example 10.0.0.0/8"},
	{"RATE_LIMIT", "on", "off only for load tests"},
	{"LOG_LEVEL", "info", "debug, info, warn or error"},
	{"LOG_FORMAT", "text", "text or json"},
}

// WriteHelp lists the environment variables with their defaults.
func WriteHelp(w io.Writer) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range help {
		text := v.text
		if v.fallback != "" {
			text += " (" + v.fallback + ")"
		}
		fmt.Fprintf(tab, "  %s\t%s\n", v.name, text)
	}
	_ = tab.Flush()
	fmt.Fprintln(w, "\nOIDC_CLIENT_SECRET, SESSION_KEY and DATABASE_URL may be in a file: set NAME_FILE to its path.")
}
