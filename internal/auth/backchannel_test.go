package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"letstalk/store"
)

// logout returns the claims of a good logout token about a session.
func (r *rogue) logout(changes claimSet) claimSet {
	now := r.site.clock.now()
	r.mu.Lock()
	r.logouts++
	c := claimSet{
		"iss": r.server.URL, "aud": "chat", "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"jti": "logout-" + strconv.Itoa(r.logouts), "sub": "u-1", "sid": "session-1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	r.mu.Unlock()
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// tell posts a logout token to the site, as the provider would, and returns the answer.
func (r *rogue) tell(token string) page {
	r.site.note(token)
	return r.site.browser().do(http.MethodPost, "/users/backchannel-logout", url.Values{"logout_token": {token}})
}

// trail returns what the audit log has of a kind, newest first.
func (s *site) trail(kind store.AuditKind) []store.AuditEntry {
	s.Helper()
	entries, err := s.store.AuditEntries(s.Context(), store.Operator, store.AuditQuery{Kind: kind})
	if err != nil {
		s.Fatal(err)
	}
	return entries
}

func TestLogoutTokenEndsTheLoginsItIsAbout(t *testing.T) {
	for _, tc := range []struct {
		name    string
		changes claimSet
		live    []string // of ada-1, ada-2, bob
	}{
		{"of one session", claimSet{"sub": nil}, []string{"ada-2", "bob"}},
		{"of one session of that person", claimSet{}, []string{"ada-2", "bob"}},
		{"of a person, wherever", claimSet{"sid": nil}, []string{"bob"}},
		{"of another person's session", claimSet{"sub": "u-2"}, []string{"ada-1", "ada-2", "bob"}},
		{"of a session nobody has here", claimSet{"sub": nil, "sid": "session-9"}, []string{"ada-1", "ada-2", "bob"}},
		{"with several audiences", claimSet{"aud": []string{"wiki", "chat"}}, []string{"ada-2", "bob"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, r := openRogue(t)
			people := map[string]*browser{}
			for name, claims := range map[string]claimSet{
				"ada-1": {"sid": "session-1"}, "ada-2": {"sid": "session-2"}, "bob": {"sub": "u-2", "sid": "session-3"},
			} {
				people[name] = s.browser()
				r.signIn(people[name], r.with(claims))
			}
			want(t, "status", r.tell(r.sign(r.logout(tc.changes))).status, http.StatusOK)
			var live []string
			for _, name := range slices.Sorted(maps.Keys(people)) {
				if people[name].me() != "" {
					live = append(live, name)
				}
			}
			if !slices.Equal(live, tc.live) {
				t.Errorf("live: %v, want %v", live, tc.live)
			}
			want(t, "endings told of", len(s.endings()), 3-len(tc.live))
			for _, e := range s.trail(store.AuditSignedOut) {
				want(t, "cause in the audit log", e.Detail, string(store.AtProvider))
			}
		})
	}
}

func TestLogoutTokenIsRefused(t *testing.T) {
	s, r := openRogue(t)
	k := testKeys()
	b := s.browser()
	r.signIn(b, r.with(claimSet{"sid": "session-1"}))
	event := "http://schemas.openid.net/event/backchannel-logout"
	signed := func(changes claimSet) func() string { return func() string { return r.sign(r.logout(changes)) } }
	at := func(claim string, d time.Duration) func() string {
		return func() string { return r.sign(r.logout(claimSet{claim: s.clock.now().Add(d).Unix()})) }
	}
	typed := func(typ string) func() string {
		return func() string { return r.signWith(r.logout(nil), jose.RS256, k.rsa, "rsa", typ) }
	}
	headed := func(header any) func() string {
		return func() string { return forge(header, r.logout(nil), rs256(k.rsa)) }
	}
	said := func(members string) func() string {
		return func() string {
			honest, _ := json.Marshal(r.logout(nil))
			return forge(`{"alg":"RS256","kid":"k1-rsa"}`, "{"+members+","+string(honest[1:]), rs256(k.rsa))
		}
	}
	null := json.RawMessage("null")
	for _, tc := range []struct {
		name string
		make func() string
	}{
		{"in JSON", func() string { return r.signed(r.logout(nil), jose.RS256, k.rsa, "rsa", "logout+jwt").FullSerialize() }},
		{"white space around", func() string { return r.sign(r.logout(nil)) + " " }},
		{"five parts", func() string { return r.sign(r.logout(nil)) + ".x.y" }},
		{"encrypted", func() string { return encrypted(t, []byte(r.sign(r.logout(nil)))) }},
		{"critical headers", headed(`{"alg":"RS256","kid":"k1-rsa","crit":["exp"],"exp":1}`)},
		{"no kid of a key that is there", headed(`{"alg":"RS256","kid":"k1-ec"}`)},
		{"signed by us", func() string {
			return r.signWith(r.logout(nil), jose.HS256, []byte(clientSecret+strings.Repeat(" ", 32)), "rsa", "")
		}},
		{"changed after signing", func() string {
			p, q := strings.Split(r.sign(r.logout(nil)), "."), strings.Split(r.sign(r.logout(claimSet{"sub": "u-2"})), ".")
			return p[0] + "." + q[1] + "." + p[2]
		}},
		{"event of another kind by its type", typed("secevent+jwt")},
		{"type a number", headed(`{"alg":"RS256","kid":"k1-rsa","typ":7}`)},
		{"person twice", said(`"sub":"u-2"`)},
		{"person by another spelling", said(`"Sub":"u-2"`)},
		{"session by another spelling", said(`"SID":"session-2"`)},
		{"event by another spelling", signed(claimSet{"events": nil, "Events": map[string]any{event: claimSet{}}})},
		{"exp a text", signed(claimSet{"exp": "99999999999"})},
		{"exp at the end of all numbers", signed(claimSet{"exp": json.Number("9223372036854775807")})},
		{"iat a text", signed(claimSet{"iat": "1"})},
		{"iat long ago", signed(claimSet{"iat": 1})},
		{"jti a number", signed(claimSet{"jti": 7})},
		{"sid a list", signed(claimSet{"sid": []string{"session-1"}})},
		{"no issuer", signed(claimSet{"iss": nil})},
		{"issuer with a slash", signed(claimSet{"iss": r.server.URL + "/"})},
		{"with a nonce that is null", signed(claimSet{"nonce": null})},
		{"none", func() string { return "" }},
		{"gibberish", func() string { return "gibberish" }},
		{"huge", func() string { return strings.Repeat("x", 20_000) }},
		{"another issuer", signed(claimSet{"iss": "https://other.example"})},
		{"another audience", signed(claimSet{"aud": "wiki"})},
		{"no audience", signed(claimSet{"aud": nil})},
		{"no event", signed(claimSet{"events": nil})},
		{"another event", signed(claimSet{"events": map[string]any{"urn:other": map[string]any{}}})},
		{"events no object", signed(claimSet{"events": []string{event}})},
		{"event no object", signed(claimSet{"events": map[string]any{event: "yes"}})},
		{"event null", signed(claimSet{"events": map[string]any{event: nil}})},
		{"with a nonce", signed(claimSet{"nonce": "n"})},
		{"with an empty nonce", signed(claimSet{"nonce": ""})},
		{"no jti", signed(claimSet{"jti": nil})},
		{"jti too long", signed(claimSet{"jti": strings.Repeat("j", 300)})},
		{"neither sub nor sid", signed(claimSet{"sub": nil, "sid": nil})},
		{"sub not ASCII", signed(claimSet{"sub": "ä"})},
		{"sid too long", signed(claimSet{"sid": strings.Repeat("s", 300)})},
		{"no iat", signed(claimSet{"iat": nil})},
		{"iat in the future", at("iat", 3*time.Minute)},
		{"no exp", signed(claimSet{"exp": nil})},
		{"expired", at("exp", -time.Second)},
		{"good for ever", at("exp", 25*time.Hour)},
		{"ID token by its type", typed("id+jwt")},
		{"access token by its type", typed("at+jwt")},
		{"an ID token", func() string { return r.sign(r.honest(url.Values{"nonce": {"n"}})) }},
		{"not signed", func() string {
			payload, _ := json.Marshal(r.logout(nil))
			encode := base64.RawURLEncoding.EncodeToString
			return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
		}},
		{"signed with a published secret", func() string { return r.signWith(r.logout(nil), jose.HS256, sharedSecret, "shared", "logout+jwt") }},
		{"signed with a foreign key", func() string { return r.signWith(r.logout(nil), jose.RS256, k.foreign, "rsa", "logout+jwt") }},
		{"signed with an unknown key", func() string { return r.signWith(r.logout(nil), jose.RS256, k.foreign, "other", "logout+jwt") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := s.audited().ID
			want(t, "answer", r.tell(tc.make()).body, "logout token")
			row := s.audited()
			want(t, "new rows in the audit log", row.ID-before, 1)
			want(t, "kind", row.Kind, store.AuditLogoutRefused)
			want(t, "address", row.Address, "127.0.0.1")
			want(t, "viewer", b.me(), "Ada")
			s.clock.move(time.Minute) // a fetch of the keys for each, if it must be
		})
	}
}

// TestForgedLogoutTokenLeavesNoWords is about whoever would write into our audit log and log: anybody can send a token.
func TestForgedLogoutTokenLeavesNoWords(t *testing.T) {
	s, r := openRogue(t)
	const words = "call 555 and tell your password"
	s.note(words)
	for name, token := range map[string]string{
		"algorithm": forge(claimSet{"alg": words}, claimSet{}, nobody),
		"key":       forge(claimSet{"alg": "RS256", "kid": words}, claimSet{}, nobody),
		"type":      forge(claimSet{"alg": "RS256", "typ": words, "cty": words}, claimSet{}, nobody),
		"header":    forge(words, claimSet{}, nobody),
		"claims":    forge(claimSet{"alg": "RS256", "kid": "k1-rsa"}, claimSet{"iss": words, "aud": words}, nobody),
		"itself":    words,
	} {
		t.Run(name, func(t *testing.T) {
			r.tell(token)
			row := s.audited()
			want(t, "kind", row.Kind, store.AuditLogoutRefused)
			if strings.Contains(row.Detail, "555") {
				t.Errorf("the audit log: %q", row.Detail)
			}
			s.clock.move(time.Minute)
		})
	}
}

func TestLogoutTokenDoesNotWaitForKeys(t *testing.T) {
	s, r := openRogue(t)
	endless := stuckAt(s, "/keys", func(h http.HandlerFunc) { r.set(func() { r.keys = h }) })
	want(t, "answer", r.tell(r.sign(r.logout(nil))).body, "down")
	want(t, "rows in the audit log", len(s.trail(store.AuditLogoutRefused)), 1)
	want(t, "requests without a time-out", endless.Load(), 0)
}

func TestLogoutTokenCountsInTheFormAlone(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.with(claimSet{"sid": "session-1"}))
	token := r.sign(r.logout(nil))
	s.note(token)
	post := func(query string, form url.Values) string {
		return s.browser().do(http.MethodPost, "/users/backchannel-logout"+query, form).body
	}
	want(t, "in the query", post("?logout_token="+token, nil), "logout token")
	want(t, "twice", post("", url.Values{"logout_token": {token, token}}), "logout token")
	want(t, "viewer", b.me(), "Ada")
}

func TestLogoutTokenWorksOnce(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.with(claimSet{"sid": "session-1"}))
	token := r.sign(r.logout(claimSet{"sid": nil}))
	want(t, "the first time", r.tell(token).status, http.StatusOK)
	want(t, "signed out", b.me(), "")

	r.signIn(b, r.with(claimSet{"sid": "session-2"}))
	want(t, "the second time", r.tell(token).body, "logout token")
	want(t, "who has signed in since", b.me(), "Ada")
}

func TestSignInOfASessionThatEndedMeanwhileIsStale(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	asked := b.begin("/")
	token := r.with(claimSet{"sid": "session-1"})(r.honest(asked))
	r.set(func() { r.idToken = token })
	want(t, "the logout comes first", r.tell(r.sign(r.logout(nil))).status, http.StatusOK)
	want(t, "answer", b.callback(url.Values{"code": {"c"}, "state": {asked.Get("state")}}).body, "stale")
	want(t, "session", b.session(), "")
}

func TestForgedLogoutTokensCostFewKeyFetches(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.with(claimSet{"sid": "session-1"}))
	before := r.count("/keys")
	for range 20 {
		r.tell(r.signWith(r.logout(nil), jose.RS256, testKeys().foreign, "unknown", "logout+jwt"))
	}
	want(t, "fetches at once", r.count("/keys")-before, 1)
	s.clock.move(time.Minute)
	for range 5 {
		r.tell(r.signWith(r.logout(nil), jose.RS256, testKeys().foreign, "unknown", "logout+jwt"))
	}
	want(t, "fetches within a minute more", r.count("/keys")-before, 2)
	want(t, "an honest one", r.tell(r.sign(r.logout(nil))).status, http.StatusOK)
	want(t, "viewer", b.me(), "")
}

func TestLogoutTokenThatCannotBeChecked(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.with(claimSet{"sid": "session-1"}))
	token := r.sign(r.logout(nil))
	next := s.restart() // knows no keys yet
	r.set(func() { r.down = true })
	s.note(token)
	answer := next.browser().do(http.MethodPost, "/users/backchannel-logout", url.Values{"logout_token": {token}})
	want(t, "answer", answer.body, "down")
	want(t, "viewer", b.me(), "Ada")
}
