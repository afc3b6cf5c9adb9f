package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"letstalk/internal/auth"
)

func TestSafeReturn(t *testing.T) {
	long := "/" + strings.Repeat("a", 1999)
	for _, kept := range []string{
		"/", "/dashboard", "/chat/General", "/chat/General?before=5", "/chat/General#m-5", "/chat/%CE%91%CE%B8%CE%AE%CE%BD%CE%B1",
		"/chat/Αθήνα", "/search?q=http://other.example//x", "/search?q=a%2F%2Fb&r=%5Cd", "/account", "/accounts/login", "/usersandmore", long,
	} {
		if got := auth.SafeReturn(kept); got != kept {
			t.Errorf("SafeReturn(%q) = %q", kept, got)
		}
	}
	for _, refused := range []string{
		"", "dashboard", " /dashboard", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/%5Cevil.example",
		"/%2Fevil.example", "/%2f%2fevil.example", "/a//b", "/a/%2F/b", "/.//evil.example", "/a\\b", "/a%5cb",
		"https://evil.example", "https:/evil.example", "javascript:alert(1)", "?x=1", "#x",
		"/\tevil", "/a\nb", "/a\r\nSet-Cookie: x=1", "/a%0d%0aSet-Cookie:x", "/a%00", "/a\x7f", "/a\u0085b", "/a%C2%85b",
		"/a?b=\\c", "/a#\\b", "/a?b=%0d%0ac", "/a?b=\nc", "/a#\x01", "/a#%01", "/%", "/%zz", "/a?b=%zz", "/\xff", "/%ff",
		"/account/login", "/account/login?return=/", "/users/login", "/users/login?return=/chat/General", "/users/logout",
		"/users/backchannel-logout", "/authorization-code/callback?code=1&state=2", "/users/login/", "/users/./login",
		"/chat/../users/logout", "/%75sers/login", "/users%2Flogin", long + "a",
	} {
		if got := auth.SafeReturn(refused); got != "/dashboard" {
			t.Errorf("SafeReturn(%q) = %q", refused, got)
		}
	}
}

// FuzzSafeReturn holds that a browser on any page of the site stays there, whatever it is redirected to.
func FuzzSafeReturn(f *testing.F) {
	for _, seed := range []string{"/chat/General?before=5", "//evil", "/\\evil", "/%2Fevil", "/\t/evil", "/..//evil", "/a%0d%0ab"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		safe := auth.SafeReturn(raw)
		if safe != raw && safe != "/dashboard" {
			t.Fatalf("%q became %q", raw, safe)
		}
		if len(safe) > 2000 || strings.ContainsAny(safe, "\\\r\n\t\x00") || !strings.HasPrefix(safe, "/") {
			t.Fatalf("%q is kept", safe)
		}
		rec := httptest.NewRecorder()
		http.Redirect(rec, httptest.NewRequest(http.MethodGet, "https://chat.example/users/login", nil), safe, http.StatusSeeOther)
		base := &url.URL{Scheme: "https", Host: "chat.example", Path: "/"}
		to, err := base.Parse(rec.Header().Get("Location"))
		if err != nil {
			t.Fatalf("%q: %v", safe, err)
		}
		if to.Scheme != "https" || to.Host != "chat.example" || to.User != nil || strings.HasPrefix(to.Path, "//") {
			t.Fatalf("%q leads to %s", safe, to)
		}
		if p := path.Clean(to.Path); strings.HasPrefix(p, "/users/") || strings.HasPrefix(p, "/authorization-code/") {
			t.Fatalf("%q leads back to signing in", safe)
		}
	})
}
