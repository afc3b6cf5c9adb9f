package auth_test

import (
	"compress/gzip"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// serveUserInfo makes the provider answer there.
func serveUserInfo(r *rogue, handler http.HandlerFunc) {
	r.set(func() {
		r.discovery = map[string]any{"userinfo_endpoint": r.server.URL + "/userinfo"}
		r.userInfo = handler
	})
}

// serveSignedInfo makes the provider answer there with a token.
func serveSignedInfo(r *rogue, token string) {
	serveUserInfo(r, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwt; charset=utf-8")
		_, _ = w.Write([]byte(token + "\n"))
	})
}

func TestUserInfoOfSomebodyElseIsRefused(t *testing.T) {
	s, r := openRogue(t)
	for _, tc := range []struct {
		name string
		info claimSet
	}{
		{"another subject", claimSet{"sub": "u-2", "name": "Eve"}},
		{"no subject", claimSet{"name": "Eve"}},
		{"subject empty", claimSet{"sub": ""}},
		{"subject null", claimSet{"sub": nil}},
		{"subject in other letters", claimSet{"sub": "U-1"}},
		{"subject with a space", claimSet{"sub": "u-1 "}},
		{"subject a list", claimSet{"sub": []string{"u-1"}}},
		{"subject by another spelling", claimSet{"Sub": "u-1"}},
		{"nobody", claimSet{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serveUserInfo(r, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, tc.info) })
			b := s.browser()
			refused(t, b, "untrusted", func() page { return r.signIn(b, r.sign) })
		})
		t.Run(tc.name+", signed", func(t *testing.T) {
			serveSignedInfo(r, r.sign(tc.info))
			b := s.browser()
			refused(t, b, "untrusted", func() page { return r.signIn(b, r.sign) })
		})
	}
	for _, tc := range []struct {
		name string
		info claimSet
	}{
		{"signed for another client", claimSet{"sub": "u-1", "aud": "wiki"}},
		{"signed for nobody", claimSet{"sub": "u-1", "aud": []string{}}},
		{"signed for a number", claimSet{"sub": "u-1", "aud": 7}},
		{"signed by another issuer", claimSet{"sub": "u-1", "iss": "https://other.example"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serveSignedInfo(r, r.sign(tc.info))
			b := s.browser()
			refused(t, b, "untrusted", func() page { return r.signIn(b, r.sign) })
		})
	}
}

func TestUserInfoMayBeSigned(t *testing.T) {
	for name, info := range map[string]claimSet{
		"for whom it may concern": {"sub": "u-1", "email": "ada@example.org"},
		"for us":                  {"sub": "u-1", "email": "ada@example.org", "aud": "chat"},
		"for us and others":       {"sub": "u-1", "email": "ada@example.org", "aud": []string{"wiki", "chat"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := openRogue(t)
			serveSignedInfo(r, r.sign(info))
			b := s.browser()
			r.signIn(b, r.sign)
			want(t, "email", s.login(b).User.Identity.Email, "ada@example.org")
			want(t, "fetches of the keys", r.count("/keys"), 1)
		})
	}
}

func TestUserInfoFillsInWhatTheTokenLacks(t *testing.T) {
	s, r := openRogue(t)
	serveUserInfo(r, func(w http.ResponseWriter, req *http.Request) {
		want(t, "authorization", req.Header.Get("Authorization"), "Bearer "+accessToken)
		writeJSON(w, map[string]any{
			"sub": "u-1", "name": "Not Ada", "email": "ada@example.org", "groups": []any{"staff", 7, "admins", "staff", ""},
		})
	})
	b := s.browser()
	r.signIn(b, r.with(claimSet{"groups": []string{}}))
	got := s.login(b).User.Identity
	want(t, "name", got.Name, "Ada")
	want(t, "email", got.Email, "ada@example.org")
	if !slices.Equal(got.Groups, []string{"staff", "admins"}) {
		t.Errorf("groups: %q", got.Groups)
	}
	want(t, "issuer", got.Issuer, r.server.URL)
	want(t, "subject", got.Subject, "u-1")
}

func TestSignInDoesWithoutUserInfo(t *testing.T) {
	const eve = `{"sub":"u-1","email":"eve@example.org"}`
	s, r := openRogue(t)
	s.note("secret words")
	signed := claimSet{"sub": "u-1", "email": "eve@example.org"}
	other, visits := elsewhere(t)
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"broken", says(502, "text/plain", "secret words")},
		{"closed", says(401, "text/plain", "secret words")},
		{"created", says(201, "application/json", eve)},
		{"empty", says(200, "application/json", "")},
		{"no content", says(204, "", "")},
		{"huge", says(200, "application/json", strings.Repeat(" ", 2<<20)+eve)},
		{"huge once unpacked", packed(strings.Repeat(" ", 2<<20) + eve)},
		{"nonsense", says(200, "text/html", "<html>secret words")},
		{"a list", says(200, "application/json", "["+eve+"]")},
		{"null", says(200, "application/json", "null")},
		{"two answers", says(200, "application/json", eve+eve)},
		{"about two people", says(200, "application/json", `{"sub":"u-2","sub":"u-1","email":"eve@example.org"}`)},
		{"elsewhere", redirects(other, http.StatusFound)},
		{"elsewhere for good", redirects(other, http.StatusPermanentRedirect)},
		{"signed by somebody else", says(200, "application/jwt", r.signWith(signed, jose.RS256, testKeys().foreign, "rsa", ""))},
		{"signed by anybody", says(200, "application/jwt", r.signWith(signed, jose.HS256, sharedSecret, "shared", ""))},
		{"not signed though it says so", says(200, "application/jwt", forge(claimSet{"alg": "none"}, signed, nobody))},
		{"JSON though it says it is signed", says(200, "application/jwt", eve)},
		{"encrypted", says(200, "application/jwt", encrypted(t, []byte(eve)))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serveUserInfo(r, tc.handler)
			b := s.browser()
			r.signIn(b, r.sign)
			want(t, "viewer", b.me(), "Ada")
			want(t, "email", s.login(b).User.Identity.Email, "")
		})
	}
	want(t, "requests that followed a redirect", visits.Load(), 0)
}

func TestSignInDoesNotWaitForUserInfo(t *testing.T) {
	s, r := openRogue(t)
	endless := stuckAt(s, "/userinfo", func(h http.HandlerFunc) { serveUserInfo(r, h) })
	b := s.browser()
	r.signIn(b, r.sign)
	want(t, "viewer", b.me(), "Ada")
	want(t, "requests without a time-out", endless.Load(), 0)
}

// packed answers with a body that is small on the wire.
func packed(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		_, _ = z.Write([]byte(body))
	}
}
