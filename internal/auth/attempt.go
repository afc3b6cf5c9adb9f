package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"letstalk/store"
)

// attemptTTL is how long a person has to sign in at the provider.
const attemptTTL = 10 * time.Minute

// Wish is what a sign-in is for.
type Wish struct {
	Return string // the path to go to afterwards
	// Again has the provider ask the person anew, even if it knows them.
	Again bool
	// Demand is what the person has to prove beyond who they are.
	Demand store.Demand
	// Rehearsal is the ticket of a rehearsal, which signs nobody in; empty for a sign-in in earnest.
	Rehearsal string
}

// ownParams are the parameters of an authorization request that nobody may set in the configuration: sign-ins stand on them.
var ownParams = []string{"client_id", "response_type", "response_mode", "redirect_uri", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "max_age", "acr_values", "request", "request_uri"}

// CheckParams returns an error if additional parameters of authorization requests can't be: they are words for the provider,
// and none of those that sign-ins stand on.
func CheckParams(params url.Values) error {
	for name, values := range params {
		switch {
		case slices.Contains(ownParams, name):
			return fmt.Errorf("%s is not to be set by hand", name)
		case name == "" || len(values) != 1 || !isPlain(name) || !isPlain(values[0]):
			return fmt.Errorf("%q is no parameter with one value", name)
		}
	}
	return nil
}

// options returns the parameters of an authorization request that stand for the wish (OpenID Connect Core 1.0, 3.1.2.1),
// beside those that each request has.
func (w Wish) options(each url.Values) []oauth2.AuthCodeOption {
	params := url.Values{}
	for name := range each {
		params.Set(name, each.Get(name))
	}
	if prompts := strings.Fields(params.Get("prompt")); w.Again && !slices.Contains(prompts, "login") {
		params.Set("prompt", strings.Join(append([]string{"login"}, prompts...), " "))
	}
	if w.Demand.MaxAge > 0 {
		params.Set("max_age", strconv.FormatInt(int64(w.Demand.MaxAge/time.Second), 10))
	}
	if w.Demand.ACR != "" {
		params.Set("acr_values", w.Demand.ACR)
	}
	var all []oauth2.AuthCodeOption
	for name := range params {
		all = append(all, oauth2.SetAuthURLParam(name, params.Get(name)))
	}
	return all
}

// Begin starts a sign-in: it binds the attempt to the browser with a cookie and returns the URL at the provider to send it
// to.
func (a *Auth) Begin(w http.ResponseWriter, r *http.Request, wish Wish) (string, error) {
	p, err := a.discovery.provider(r.Context())
	if err != nil {
		if wish.Rehearsal == "" {
			err = a.refuse(r, grant{}, err)
		}
		return "", err
	}
	browser := a.browser(r)
	if browser == "" {
		browser = randomToken()
	}
	attempt := store.Attempt{
		State:     randomToken(),
		Browser:   hash(browser),
		Nonce:     randomToken(),
		Verifier:  oauth2.GenerateVerifier(),
		Return:    SafeReturn(wish.Return),
		Demand:    wish.Demand,
		Rehearsal: wish.Rehearsal,
	}
	if err := a.store.CreateAttempt(r.Context(), attempt, attemptTTL); err != nil {
		return "", fmt.Errorf("create attempt: %w", err)
	}
	// SameSite=Strict would keep the cookie back when the browser returns from the provider's site. The same value
	// serves all attempts of a browser, so that two tabs don't spoil each other's.
	http.SetCookie(w, &http.Cookie{
		Name:     a.browserCookie(),
		Value:    browser,
		Path:     "/",
		MaxAge:   int(attemptTTL / time.Second),
		HttpOnly: true,
		Secure:   a.cfg.secure(),
		SameSite: http.SameSiteLaxMode,
	})
	options := append(wish.options(a.cfg.Params), oidc.Nonce(attempt.Nonce), oauth2.S256ChallengeOption(attempt.Verifier))
	return p.oauth.AuthCodeURL(attempt.State, options...), nil
}

// takeAttempt returns the attempt a callback belongs to, which is used up by that, or ErrStale.
func (a *Auth) takeAttempt(r *http.Request, answer url.Values) (store.Attempt, error) {
	states, browser := answer["state"], a.browser(r)
	switch {
	case len(states) != 1 || len(states[0]) != tokenLength:
		return store.Attempt{}, fmt.Errorf("%w: the callback has no proper state", ErrStale)
	case browser == "":
		return store.Attempt{}, fmt.Errorf("%w: the browser has no sign-in cookie", ErrStale)
	}
	attempt, err := a.store.TakeAttempt(r.Context(), states[0], hash(browser))
	if errors.Is(err, store.ErrNotFound) {
		return store.Attempt{}, fmt.Errorf("%w: no such attempt of this browser", ErrStale)
	}
	if err != nil {
		return store.Attempt{}, fmt.Errorf("take attempt: %w", err)
	}
	return attempt, nil
}

// browser returns the value that binds attempts to the request's browser, or "".
func (a *Auth) browser(r *http.Request) string {
	cookie, err := r.Cookie(a.browserCookie())
	if err != nil || len(cookie.Value) != tokenLength {
		return ""
	}
	return cookie.Value
}

func (a *Auth) browserCookie() string { return cookieName("signin", a.cfg.secure()) }

// randomToken returns 256 random bits, tokenLength characters long.
func randomToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
