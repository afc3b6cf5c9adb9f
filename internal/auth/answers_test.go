package auth_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/internal/auth"
)

// stuckAt has the provider answer half of something at a path, given to it by serve, and then nothing more. The site loses
// patience at once. It returns how many such requests would have waited for ever.
func stuckAt(s *site, path string, serve func(http.HandlerFunc)) (endless *atomic.Int32) {
	stuck := make(chan struct{})
	serve(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sub":"u-1",`))
		_ = http.NewResponseController(w).Flush()
		close(stuck)
		<-r.Context().Done()
	})
	return s.auth.CutShort(path, stuck)
}

// elsewhere is a server that nobody should come to, and the number of those who do.
func elsewhere(t *testing.T) (address string, visits *atomic.Int32) {
	visits = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(server.Close)
	return server.URL, visits
}

// redirects sends whoever comes to an address.
func redirects(to string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) }
}

// says answers with a body.
func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestDiscoveryThatCannotBeTrusted(t *testing.T) {
	s, r := openRogue(t)
	s.note("secret words")
	other, visits := elsewhere(t)
	document := func(changes map[string]any) func() { return func() { r.discovery, r.wellKnown = changes, nil } }
	answer := func(h http.HandlerFunc) func() { return func() { r.wellKnown = h } }
	for _, tc := range []struct {
		name string
		set  func()
	}{
		{"another issuer", document(map[string]any{"issuer": "https://other.example"})},
		{"issuer with a slash", document(map[string]any{"issuer": r.server.URL + "/"})},
		{"issuer in other letters", document(map[string]any{"issuer": strings.ToUpper(r.server.URL)})},
		{"no issuer", document(map[string]any{"issuer": nil})},
		{"issuer a list", document(map[string]any{"issuer": []string{r.server.URL}})},
		{"no authorization endpoint", document(map[string]any{"authorization_endpoint": nil})},
		{"no token endpoint", document(map[string]any{"token_endpoint": nil})},
		{"no keys", document(map[string]any{"jwks_uri": nil})},
		{"authorization endpoint in clear", document(map[string]any{"authorization_endpoint": "http://provider.example/authorize"})},
		{"token endpoint in clear", document(map[string]any{"token_endpoint": "http://provider.example/token"})},
		{"keys in clear", document(map[string]any{"jwks_uri": "http://provider.example/keys"})},
		{"userinfo in clear", document(map[string]any{"userinfo_endpoint": "http://provider.example/userinfo"})},
		{"end of the session in clear", document(map[string]any{"end_session_endpoint": "http://provider.example/end"})},
		{"script as a page", document(map[string]any{"authorization_endpoint": "javascript:alert(1)"})},
		{"script as the last page", document(map[string]any{"end_session_endpoint": "javascript:alert(1)"})},
		{"data as keys", document(map[string]any{"jwks_uri": "data:application/json,{}"})},
		{"file as keys", document(map[string]any{"jwks_uri": "file:///etc/passwd"})},
		{"password in an address", document(map[string]any{"token_endpoint": "https://a:b@provider.example/token"})},
		{"fragment in an address", document(map[string]any{"authorization_endpoint": "https://provider.example/#a"})},
		{"directive in a host", document(map[string]any{"end_session_endpoint": "https://a;script-src/end"})},
		{"line in a host", document(map[string]any{"end_session_endpoint": "https://a\r\nSet-Cookie: a=b/end"})},
		{"relative endpoint", document(map[string]any{"userinfo_endpoint": "/userinfo"})},
		{"endpoint without a scheme", document(map[string]any{"jwks_uri": "//provider.example/keys"})},
		{"endpoint of another type", document(map[string]any{"jwks_uri": 7})},
		{"larger than a document", document(map[string]any{"padding": strings.Repeat("x", 2<<20)})},
		{"larger once unpacked", answer(packed(strings.Repeat(" ", 2<<20) + "{}"))},
		{"not there", answer(says(404, "text/html", "secret words"))},
		{"a page", answer(says(200, "text/html", "<html>secret words"))},
		{"nothing", answer(says(200, "application/json", ""))},
		{"null", answer(says(200, "application/json", "null"))},
		{"somewhere else", answer(redirects(other, http.StatusFound))},
		{"somewhere else for good", answer(redirects(other, http.StatusPermanentRedirect))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.clock.move(2 * time.Second) // so that it is asked anew
			r.set(tc.set)
			b, asked := s.browser(), r.count("/.well-known/openid-configuration")
			refused(t, b, "down", func() page { return b.get("/users/login") })
			want(t, "requests", r.count("/.well-known/openid-configuration")-asked, 1)
			want(t, "origins", strings.Join(s.auth.Origins(), " "), r.server.URL)
		})
	}
	want(t, "requests that followed a redirect", visits.Load(), 0)
}

func TestDiscoveryThatIsStuck(t *testing.T) {
	s, r := openRogue(t)
	endless := stuckAt(s, "/.well-known/openid-configuration", func(h http.HandlerFunc) { r.set(func() { r.wellKnown = h }) })
	b := s.browser()
	refused(t, b, "down", func() page { return b.get("/users/login") })
	want(t, "requests without a time-out", endless.Load(), 0)
}

func TestOnlyAProviderOnThisMachineHasEndpointsHere(t *testing.T) {
	for _, tc := range []struct {
		issuer, token, keys string
		ok                  bool
	}{
		{"https://provider.example", "https://provider.example/token", "https://provider.example/keys", true},
		{"https://provider.example", "https://elsewhere.example/token", "https://keys.example/keys", true},
		{"http://localhost:5556", "http://localhost:5556/token", "http://127.0.0.1:5556/keys", true},
		{"https://provider.example", "http://localhost:4222/token", "https://provider.example/keys", false},
		{"https://provider.example", "https://provider.example/token", "http://127.0.0.1:8222/keys", false},
		{"https://provider.example", "https://provider.example/token", "http://[::1]:8222/keys", false},
	} {
		if err := auth.CheckEndpoints(tc.issuer, tc.token, tc.keys); (err == nil) != tc.ok {
			t.Errorf("%s with %s and %s: %v", tc.issuer, tc.token, tc.keys, err)
		}
	}
}

func TestTokenEndpointFails(t *testing.T) {
	const secret = "secret-of-the-provider"
	s, r := openRogue(t)
	s.note(secret)
	other, visits := elsewhere(t)
	const kind = "application/json"
	// almost answers as it should, but for some members.
	almost := func(changes map[string]any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			answer := r.tokens()
			maps.Copy(answer, changes)
			writeJSON(w, answer)
		}
	}
	type failure struct {
		name    string
		handler http.HandlerFunc
		want    string
	}
	cases := []failure{
		{"breaks down", says(500, kind, `{"detail":"`+secret+`"}`), "down"},
		{"is too busy", says(429, kind, `{}`), "down"},
		{"is stopped by a proxy", says(502, "text/html", "<html>"+secret), "down"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "down"},
		{"talks nonsense", says(200, kind, secret), "down"},
		{"shows a page", says(200, "text/html", "<html>"+secret), "down"},
		{"says nothing", says(200, kind, ""), "down"},
		{"says null", says(200, kind, "null"), "down"},
		{"says a list", says(200, kind, "[]"), "down"},
		{"gives no access token", almost(map[string]any{"access_token": nil}), "down"},
		{"gives an empty access token", almost(map[string]any{"access_token": ""}), "down"},
		{"gives a number for an access token", almost(map[string]any{"access_token": 7}), "down"},
		{"gives no ID token", almost(map[string]any{"id_token": nil}), "untrusted"},
		{"gives an empty ID token", almost(map[string]any{"id_token": ""}), "untrusted"},
		{"gives a number for an ID token", almost(map[string]any{"id_token": 7}), "untrusted"},
		{"gives an object for an ID token", almost(map[string]any{"id_token": claimSet{"sub": "u-1"}}), "untrusted"},
		{"gives the access token for an ID token", almost(map[string]any{"id_token": accessToken}), "untrusted"},
		{"gives a token that has to be proved", almost(map[string]any{"token_type": "DPoP"}), "answer"},
		{"gives a token for signing", almost(map[string]any{"token_type": "mac"}), "answer"},
		{"gives a token of a type that is a header", almost(map[string]any{"token_type": "Bearer\r\nCookie: a=b"}), "answer"},
		{"gives a token of no type", almost(map[string]any{"token_type": 7}), "down"},
		{"answers endlessly", says(200, kind, `{"access_token":"a`+strings.Repeat("a", 2<<20)), "down"},
		{"answers endlessly once unpacked", packed(strings.Repeat(" ", 2<<20) + "{}"), "down"},
		{"knows no such code", says(400, kind, `{"error":"invalid_grant","error_description":"`+secret+`"}`), "answer"},
		{"knows no such client", says(401, kind, `{"error":"invalid_client","error_uri":"https://`+secret+`"}`), "answer"},
		{"refuses with a page", says(403, "text/html", "<html>"+secret), "answer"},
		{"invents an error", says(400, kind, `{"error":"`+secret+`<b>"}`), "answer"},
		{"fails politely", says(200, kind, `{"error":"invalid_grant","access_token":"a"}`), "answer"},
		{"fails politely in a form", says(200, "application/x-www-form-urlencoded", `error=invalid_grant&access_token=a`), "answer"},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		cases = append(cases, failure{fmt.Sprint("redirects elsewhere with ", status), redirects(other, status), "down"})
	}
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		r.set(func() { r.discovery = map[string]any{"token_endpoint_auth_methods_supported": []string{method}} })
		s.clock.move(time.Hour)
		for _, tc := range cases {
			t.Run(method+" "+tc.name, func(t *testing.T) {
				r.set(func() { r.token = tc.handler })
				b, sent := s.browser(), r.count("/token")
				refused(t, b, tc.want, func() page { return r.signIn(b, r.sign) })
				want(t, "times the code was sent", r.count("/token")-sent, 1)
			})
		}
	}
	want(t, "requests that followed a redirect", visits.Load(), 0)
}

func TestTokenEndpointIsStuck(t *testing.T) {
	s, r := openRogue(t)
	endless := stuckAt(s, "/token", func(h http.HandlerFunc) { r.set(func() { r.token = h }) })
	b := s.browser()
	refused(t, b, "down", func() page { return r.signIn(b, r.sign) })
	want(t, "requests without a time-out", endless.Load(), 0)
}

func TestKeysCannotBeFetched(t *testing.T) {
	s, r := openRogue(t)
	s.note("secret words")
	other, visits := elsewhere(t)
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"broken", says(500, "text/plain", "secret words")},
		{"gone", says(404, "text/plain", "secret words")},
		{"no content", says(204, "", "")},
		{"a page", says(200, "text/html", strings.Repeat("<p>secret words", 999))},
		{"a list", says(200, "application/json", "[]")},
		{"of another type", says(200, "application/json", `{"keys":"secret words"}`)},
		{"huge", says(200, "application/json", strings.Repeat(" ", 2<<20)+`{"keys":[]}`)},
		{"huge once unpacked", packed(strings.Repeat(" ", 2<<20) + `{"keys":[]}`)},
		{"elsewhere", redirects(other, http.StatusFound)},
		{"elsewhere for good", redirects(other, http.StatusPermanentRedirect)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.clock.move(time.Hour)
			r.set(func() { r.keys = tc.handler })
			b, asked := s.browser(), r.count("/keys")
			refused(t, b, "down", func() page { return r.signIn(b, r.sign) })
			want(t, "fetches", r.count("/keys")-asked, 1)
		})
	}
	want(t, "requests that followed a redirect", visits.Load(), 0)
}

func TestKeysAreStuck(t *testing.T) {
	s, r := openRogue(t)
	endless := stuckAt(s, "/keys", func(h http.HandlerFunc) { r.set(func() { r.keys = h }) })
	b := s.browser()
	refused(t, b, "down", func() page { return r.signIn(b, r.sign) })
	want(t, "requests without a time-out", endless.Load(), 0)
}
