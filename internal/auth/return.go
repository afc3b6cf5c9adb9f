package auth

import (
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	defaultReturn = "/dashboard"
	maxReturn     = 2000
)

// SafeReturn returns where a person goes after signing in: path, with its query, if it is a path of this site and not
// one of the pages of signing in and out; else the dashboard.
func SafeReturn(path string) string {
	if isSafeReturn(path) {
		return path
	}
	return defaultReturn
}

func isSafeReturn(raw string) bool {
	// Browsers take "//host" and "/\host" for another site and drop tabs and newlines before they look.
	if len(raw) > maxReturn || !strings.HasPrefix(raw, "/") || strings.ContainsRune(raw, '\\') {
		return false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host != "" {
		return false
	}
	if strings.Contains(u.Path, "//") || strings.ContainsRune(u.Path, '\\') || !isPlain(u.Path) {
		return false
	}
	query, err := url.QueryUnescape(u.RawQuery)
	return err == nil && isPlain(query) && isPlain(u.Fragment) && !isSigning(path.Clean(u.Path))
}

// isSigning reports whether a path belongs to signing in and out: to return there would be a loop.
func isSigning(path string) bool {
	for _, tree := range []string{"/account/login", "/users", "/authorization-code"} {
		if path == tree || strings.HasPrefix(path, tree+"/") {
			return true
		}
	}
	return false
}

func isPlain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
