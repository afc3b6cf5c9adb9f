package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"letstalk/internal/doctor"
)

func ecKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key.Public(), KeyID: "1", Use: "sig", Algorithm: "ES256"}
}

// shortKey is as long as keys were long ago. Nobody signs with it here.
func shortKey() jose.JSONWebKey {
	n := new(big.Int).Lsh(big.NewInt(1), 1023)
	return jose.JSONWebKey{Key: &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}, KeyID: "2"}
}

func TestAllIsWell(t *testing.T) {
	w := newWorld(t, database(t))
	want := []string{
		"",
		"To be registered at the provider:",
		"         redirect URI         https://example.com/authorization-code/callback",
		"         after logging out    https://example.com/",
		"         back-channel logout  https://example.com/users/backchannel-logout",
		"",
		"ok       The provider answers at " + w.idp.URL + ", in the clear on this machine.",
		"ok       It calls itself what OIDC_ISSUER says, letter by letter.",
		"ok       The provider's clock and ours agree.",
		"ok       The provider takes PKCE with S256.",
		"ok       The provider signs ID tokens with RS256, ES256.",
		"ok       The site proves itself in a way that the provider takes (client_secret_basic).",
		"ok       The provider knows what OIDC_SCOPES asks for: openid, profile, email.",
		"ok       Log Out here also signs out at the provider.",
		"ok       Signing out at the provider can end sessions here at once, if its back-channel address is registered.",
		"ok       Rooms may ask for these ways to sign in (acr): pwd, mfa.",
		"ok       The provider publishes the keys that it signs with.",
		"ok       The provider takes the client and its redirect URI.",
		"ok       The token endpoint minds the made-up code it was given, not the client's id and secret.",
		"ok       The site answers at https://example.com over TLS 1.3.",
		"ok       The site speaks HTTP/2, so any number of tabs share a connection.",
		"ok       The headers that protect people arrive.",
		"ok       Log In leads to the provider.",
		"ok       Cookies arrive with all their flags.",
		"ok       The back-channel address answers, and refuses what is not from the provider. The provider must reach it, too: https://example.com/users/backchannel-logout",
		"ok       Streams arrive as they are sent.",
		"ok       The site takes this machine for 192.0.2.7. If that is the proxy's address, set TRUSTED_PROXIES to it.",
		"",
		"21 ok, 0 warnings, 0 failures",
		"",
	}
	if diff := cmp.Diff(want, w.examine()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// faults are the ways things can be wrong, and what the doctor says of each, and of nothing else.
var faults = []struct {
	name string
	make func(*world)
	want string // the lines that are not ok, as far as they matter
}{
	{"provider down", func(w *world) { w.idp.Close() }, "failure: The provider can't be reached at "},
	{"no discovery document", func(w *world) { w.opts.Issuer += "/realms/x" }, "failure: IDP/realms/x/.well-known/openid-configuration answers 404 Not Found instead of the provider's document."},
	{"discovery elsewhere", func(w *world) { w.provider[discovery] = leads("https://login.example.org/") },
		"failure: IDP/.well-known/openid-configuration leads on to https://login.example.org/, and redirects are not followed."},
	{"discovery of something else", func(w *world) { w.provider[discovery] = answers(200) }, "failure: IDP/.well-known/openid-configuration is not what providers say about themselves."},
	{"issuer with a slash", func(w *world) { w.says(map[string]any{"issuer": w.idp.URL + "/"}) },
		`failure: The provider calls itself "IDP/", and OIDC_ISSUER is "IDP": theirs has a slash at the end.` + "\nremedy: Set OIDC_ISSUER to \"IDP/\""},
	{"issuer without the slash", func(w *world) { w.opts.Issuer += "/" }, `failure: The provider calls itself "IDP", and OIDC_ISSUER is "IDP/": theirs has no slash at the end.`},
	{"issuer in capitals", func(w *world) { w.says(map[string]any{"issuer": strings.ToUpper(w.idp.URL)}) }, "upper and lower case differ."},
	{"issuer on https", func(w *world) {
		w.says(map[string]any{"issuer": strings.Replace(w.idp.URL, "http:", "https:", 1)})
	}, "one is https and the other http."},
	{"issuer of another tenant", func(w *world) { w.says(map[string]any{"issuer": "https://login.example.org"}) },
		`failure: The provider calls itself "https://login.example.org", and OIDC_ISSUER is "IDP": they are two.`},
	{"issuer without a name", func(w *world) { w.says(map[string]any{"issuer": nil}) }, "theirs is missing."},

	{"clock ahead", func(w *world) { w.dated(45*time.Second, 0) }, "warning: The provider's clock is 45s ahead of ours. More than 2m, and nobody can sign in."},
	{"clock far ahead", func(w *world) { w.dated(5*time.Minute, 0) }, "failure: The provider's clock is 5m ahead of ours: ID tokens will be refused."},
	{"clock far behind", func(w *world) { w.dated(-5*time.Minute, 0) }, "failure: The provider's clock is 5m behind ours: ID tokens will be refused."},
	{"answer from a cache", func(w *world) { w.dated(-time.Hour, time.Hour) }, ""},
	{"no clock", func(w *world) { w.dated(0, -1) }, "warning: The provider does not say what time it is."},

	{"no token endpoint", func(w *world) { w.says(map[string]any{"token_endpoint": nil}) }, "failure: The provider's document has no https address under token_endpoint."},
	{"keys in the clear", func(w *world) { w.says(map[string]any{"jwks_uri": "http://login.example.org/keys"}) }, "failure: The provider's document has no https address under jwks_uri."},
	{"silence about PKCE", func(w *world) { w.says(map[string]any{"code_challenge_methods_supported": nil}) }, "warning: The provider does not say whether it takes PKCE."},
	{"PKCE in the clear", func(w *world) { w.says(map[string]any{"code_challenge_methods_supported": []string{"plain"}}) }, "failure: The provider takes PKCE by plain alone, not S256."},
	{"signatures with the secret", func(w *world) {
		w.says(map[string]any{"id_token_signing_alg_values_supported": []string{"HS256", "none"}})
	}, "failure: The provider signs ID tokens by no algorithm that is taken here, but HS256, none."},
	{"other proof of the client", func(w *world) {
		w.says(map[string]any{"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}})
	}, "failure: The provider takes no client secret, but private_key_jwt."},
	{"proof in the form", func(w *world) {
		w.says(map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_post"}})
		w.provider["/token"] = func(rw http.ResponseWriter, r *http.Request) {
			code := "invalid_client"
			if r.FormValue("client_id") == "letstalk" && r.FormValue("client_secret") == "s3cret&" {
				code = "invalid_grant"
			}
			w.write(rw, http.StatusBadRequest, map[string]any{"error": code})
		}
	}, ""},
	{"public client", func(w *world) { w.opts.ClientSecret = "" }, "warning: There is no client secret, and the provider does not say that it takes clients without."},
	{"unknown scope", func(w *world) { w.opts.Scopes = append(w.opts.Scopes, "groups") }, "warning: The provider does not list what OIDC_SCOPES asks for: groups. It has openid, profile, email."},
	{"no way out", func(w *world) { w.says(map[string]any{"end_session_endpoint": nil}) }, "warning: Log Out ends the session here alone"},
	{"no back-channel", func(w *world) { w.says(map[string]any{"backchannel_logout_supported": nil}) }, "is noticed when they are asked about again (SESSION_RECHECK)."},
	{"no back-channel, no re-check", func(w *world) {
		w.says(map[string]any{"backchannel_logout_supported": nil})
		w.opts.Recheck = 0
	}, "warning: The provider does not say that it knows back-channel logout: who signs out there stays signed in here."},
	{"no ways to sign in", func(w *world) { w.says(map[string]any{"acr_values_supported": nil}) }, ""},

	{"no keys", func(w *world) { w.provider["/keys"] = answers(500) }, "failure: IDP/keys answers 500 Internal Server Error and has no keys."},
	{"no useful keys", func(w *world) {
		encrypts := ecKey(w.t)
		encrypts.Use = "enc"
		w.provider["/keys"] = func(rw http.ResponseWriter, _ *http.Request) {
			w.write(rw, 200, keySet(encrypts, jose.JSONWebKey{Key: []byte("shared")}))
		}
	}, "failure: None of the provider's keys can check an ID token (2 in all)."},
	{"short keys", func(w *world) {
		w.provider["/keys"] = func(rw http.ResponseWriter, _ *http.Request) { w.write(rw, 200, keySet(shortKey())) }
	}, "failure: None of the provider's keys can check an ID token (1 in all)."},
	{"short keys besides", func(w *world) {
		w.provider["/keys"] = func(rw http.ResponseWriter, _ *http.Request) { w.write(rw, 200, keySet(shortKey(), ecKey(w.t))) }
	}, "warning: The provider has RSA keys that are not believed: of less than 2048 bits"},
	{"keys of a kind to come", func(w *world) {
		w.provider["/keys"] = func(rw http.ResponseWriter, _ *http.Request) {
			w.write(rw, 200, map[string]any{"keys": []any{map[string]any{"kty": "AKP", "alg": "ML-DSA-65"}, ecKey(w.t)}})
		}
	}, ""},

	{"redirect URI not registered", func(w *world) { w.provider["/authorize"] = answers(400) },
		`failure: The provider answers 400 Bad Request to the client "letstalk" with the redirect URI https://example.com/authorization-code/callback.` +
			"\nremedy: Register this redirect URI for the client, letter by letter"},
	{"page of the provider's", func(w *world) { w.provider["/authorize"] = answers(200) }, "can't be told: it shows a page."},
	{"page of the provider's elsewhere", func(w *world) { w.provider["/authorize"] = leads("https://login.example.org/error?secret=1") }, "can't be told: it leads on to login.example.org/error."},
	{"scope not allowed", func(w *world) { w.sendsBack("invalid_scope") }, "failure: The provider knows the redirect URI, but refuses what OIDC_SCOPES asks for."},
	{"flow not allowed", func(w *world) { w.sendsBack("unauthorized_client") }, "failure: The provider knows the redirect URI, but does not let the client use it: unauthorized_client."},
	{"odd refusal", func(w *world) { w.sendsBack("temporarily_unavailable") }, "warning: The provider knows the redirect URI, but says temporarily_unavailable."},
	{"broken authorization endpoint", func(w *world) { w.provider["/authorize"] = answers(502) }, "warning: The provider's authorization endpoint answers 502 Bad Gateway."},
	{"wrong secret", func(w *world) {
		w.provider["/token"] = func(rw http.ResponseWriter, r *http.Request) {
			if id, secret, _ := r.BasicAuth(); id == "letstalk" && secret == "s3cret%26" {
				w.write(rw, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
			}
		}
	}, "failure: The token endpoint does not take the client's id and secret (client_secret_basic)."},
	{"wrong secret, without words", func(w *world) { w.provider["/token"] = answers(401) }, "failure: The token endpoint does not take the client's id and secret (client_secret_basic)."},
	{"codes not for this client", func(w *world) {
		w.provider["/token"] = func(rw http.ResponseWriter, _ *http.Request) {
			w.write(rw, 400, map[string]any{"error": "unauthorized_client"})
		}
	}, "failure: The token endpoint does not let this client redeem codes."},
	{"broken token endpoint", func(w *world) { w.provider["/token"] = answers(500) }, "warning: Whether the token endpoint takes the client can't be told: it answers 500 Internal Server Error."},

	{"site down", func(w *world) { w.proxy = hangUp }, "failure: The site can't be reached at https://example.com: "},
	{"site elsewhere", func(w *world) { w.site["/healthz"] = leads("https://www.example.com/healthz") }, "failure: https://example.com/healthz leads on to https://www.example.com/healthz."},
	{"nothing behind the proxy", func(w *world) { w.site["/healthz"] = answers(502) }, "failure: A proxy answers at https://example.com, but does not find Let's Talk behind it: 502 Bad Gateway."},
	{"another site", func(w *world) { w.site["/healthz"] = answers(200) }, "failure: Something else answers at https://example.com/healthz: 200 OK."},
	{"HTTP/1.1", func(w *world) { w.http1 = true }, "warning: The site speaks HTTP/1.1: a browser opens six connections at most"},
	{"certificate that runs out", func(w *world) { w.clock.now = time.Date(2084, 1, 20, 0, 0, 0, 0, time.UTC) }, "warning: The site's certificate runs out on 29 January 2084."},
	{"broken pages", func(w *world) { w.site["/"] = answers(500) }, "failure: The first page does not come: 500 Internal Server Error."},
	{"headers taken away", func(w *world) {
		w.edit("/", func(h http.Header) { h.Del("Content-Security-Policy"); h.Del("Strict-Transport-Security") })
	},
		"failure: Headers that protect people are lost or changed on the way: Content-Security-Policy, Strict-Transport-Security."},
	{"header changed", func(w *world) { w.edit("/", func(h http.Header) { h.Set("Referrer-Policy", "unsafe-url") }) },
		"failure: Headers that protect people are lost or changed on the way: Referrer-Policy."},
	{"second policy", func(w *world) { w.edit("/", func(h http.Header) { h.Add("Content-Security-Policy", "default-src *") }) },
		"warning: Something on the way adds a Content-Security-Policy of its own."},
	{"provider out of reach for the site", func(w *world) { w.site["/users/login"] = answers(503) }, "failure: The running site can't reach the provider."},
	{"no way in", func(w *world) { w.site["/users/login"] = answers(200) }, "failure: Log In does not lead to the provider: 200 OK."},
	{"site of another provider", func(w *world) {
		w.edit("/users/login", func(h http.Header) { h.Set("Location", "https://login.example.org/a?code_challenge=1") })
	},
		"failure: Log In leads to https://login.example.org/a, not to the provider that OIDC_ISSUER names."},
	{"site of another client", func(w *world) {
		w.edit("/users/login", func(h http.Header) { h.Set("Location", strings.Replace(h.Get("Location"), "letstalk", "other", 1)) })
	}, `failure: The running site has other settings: it signs in the client "other" with the redirect URI https://example.com/authorization-code/callback.`},
	{"caching", func(w *world) { w.edit("/users/login", func(h http.Header) { h.Set("Cache-Control", "max-age=60") }) }, "failure: The site's Cache-Control: no-store does not arrive"},
	{"no cookies", func(w *world) { w.edit("/users/login", func(h http.Header) { h.Del("Set-Cookie") }) }, "failure: The cookie of a sign-in does not arrive: nobody can sign in."},
	{"bare cookies", func(w *world) {
		w.edit("/users/login", func(h http.Header) { h.Set("Set-Cookie", "signin=v; Domain=example.com") })
	},
		"failure: Cookies arrive without HttpOnly, SameSite=Lax, Path=/, no Domain, Secure, a name that begins with __Host-."},
	{"cookies without Secure", func(w *world) {
		w.edit("/users/login", func(h http.Header) { h.Set("Set-Cookie", strings.Replace(h.Get("Set-Cookie"), "; Secure", "", 1)) })
	}, "failure: Cookies arrive without Secure."},
	{"back-channel blocked", func(w *world) { w.site["/users/backchannel-logout"] = answers(405) },
		"failure: The back-channel address does not answer as it should: 405 Method Not Allowed.\nremedy: Have the proxy pass POST requests to that address on"},
	{"back-channel cached", func(w *world) { w.edit("/users/backchannel-logout", func(h http.Header) { h.Del("Cache-Control") }) }, "failure: The back-channel address does not answer as it should: 400 Bad Request."},
	{"back-channel busy", func(w *world) { w.site["/users/backchannel-logout"] = answers(429) }, "warning: The back-channel address gets too many requests."},
	{"another database", func(w *world) { w.site["/events"] = answers(404) }, "failure: The site at https://example.com does not know what was just written to the database here: it uses another one."},
	{"no streams", func(w *world) { w.site["/events"] = answers(504) }, "failure: A stream does not come through: 504 Gateway Timeout."},
	{"page for a stream", func(w *world) { w.site["/events"] = answers(200) }, "failure: Something else than a stream comes through: ."},
	{"stream cut off", func(w *world) { w.site["/events"] = cutOff }, "failure: A stream breaks off on the way: 1 of 3 frames arrive."},
	{"stream collected", func(w *world) { w.site["/events"] = w.collect },
		"failure: Something on the way collects streams: three frames that were sent a second apart arrived together. New messages would come late.\nremedy: Have the proxy pass on what it gets at once at /events and /chat/*/events, without collecting, compressing or caching it: see docs/deploy.md#the-proxy."},
	{"stream that came together once", func(w *world) {
		w.site["/events"] = func(rw http.ResponseWriter, r *http.Request) {
			w.site["/events"] = w.frames
			w.collect(rw, r)
		}
	}, ""},
	{"database that takes nothing", func(w *world) {
		db := database(w.t)
		if err := db.Close(); err != nil {
			w.t.Fatal(err)
		}
		w.opts.Store = db
	}, "failure: The database takes nothing: "},
	{"no database", func(w *world) { w.opts.Store = nil }, ""},
}

const discovery = "/.well-known/openid-configuration"

// dated has the provider's document carry another time, and an age unless it is negative; then it has no time.
func (w *world) dated(by, age time.Duration) {
	show := w.provider[discovery]
	w.provider[discovery] = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Date", today.Add(by).Format(http.TimeFormat))
		if age < 0 {
			rw.Header()["Date"] = nil
		} else if age > 0 {
			rw.Header().Set("Age", "3600")
		}
		show(rw, r)
	}
}

func (w *world) sendsBack(code string) {
	w.provider["/authorize"] = func(rw http.ResponseWriter, r *http.Request) { sendBack(rw, r, code) }
}

// edit has the headers at a path changed on the way.
func (w *world) edit(path string, change func(http.Header)) {
	show := w.site[path]
	w.site[path] = func(rw http.ResponseWriter, r *http.Request) {
		kept := httptest.NewRecorder()
		show(kept, r)
		change(kept.Header())
		for name, values := range kept.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(kept.Code)
		_, _ = rw.Write(kept.Body.Bytes())
	}
}

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = w.Write([]byte("data: {}\n\n"))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func hangUp(http.Handler) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// complaints returns what is not ok of a report: each line and its remedy.
func complaints(lines []string) (all []string) {
	for i, line := range lines {
		for _, level := range []string{"warning", "failure"} {
			if text, found := strings.CutPrefix(line, level+"  "); found {
				all = append(all, level+": "+strings.TrimSpace(text)+"\nremedy: "+strings.TrimSpace(lines[i+1]))
			}
		}
	}
	return all
}

func TestEachFaultIsNamed(t *testing.T) {
	db := database(t)
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			w := newWorld(t, db)
			url := w.idp.URL
			fault.make(w)
			got := complaints(w.examine())
			if fault.want == "" && len(got) == 0 {
				return
			}
			want := strings.ReplaceAll(fault.want, "IDP", url)
			if len(got) != 1 || want == "" || !strings.Contains(got[0], want) || strings.HasSuffix(got[0], "remedy: ") {
				t.Errorf("it says %q, want one line with %q", got, want)
			}
		})
	}
}

func TestUntrustedProvider(t *testing.T) {
	w := newWorld(t, database(t))
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	w.opts.Issuer, w.opts.Transport = untrusted.URL, &http.Transport{}
	got := complaints(w.examine())
	if len(got) == 0 || !strings.Contains(got[0], "its certificate can't be trusted: x509: ") || !strings.Contains(got[0], "remedy: Renew the certificate") {
		t.Errorf("it says %q", got)
	}
}

// What a provider sends writes no line of its own.
func TestReportIsPlain(t *testing.T) {
	w := newWorld(t, database(t))
	w.says(map[string]any{"acr_values_supported": []string{"a\x1b[2Jb\nok c"}})
	for _, line := range w.examine() {
		if strings.HasPrefix(line, "ok c") || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestReportThatCanNotBeWritten(t *testing.T) {
	report := doctor.NewReport(full{})
	report.OK("all")
	if err := report.Sum(); err == nil || err.Error() != "no space left" {
		t.Error(err)
	}
}
