package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"golang.org/x/time/rate"
)

const (
	providerTimeout = 10 * time.Second
	maxAnswer       = 1 << 20 // bytes of one answer of the provider
	maxBrief        = 300     // bytes of an error that may quote one

	// A token signed with an unknown key costs a fetch of the provider's keys, and anybody can forge one.
	keyFetchEvery = time.Minute
)

var errKeyFetches = errors.New("the provider's keys were fetched too often lately")

// transport carries all requests to the provider and bounds what they can cost.
type transport struct {
	base http.RoundTripper
	now  func() time.Time
	keys atomic.Pointer[keyFetches] // nil before discovery
}

// keyFetches bounds how often the keys at an address are fetched: the first time, when none are known, and then once a
// minute.
type keyFetches struct {
	address string
	known   atomic.Bool
	rate    *rate.Limiter
}

func (k *keyFetches) allow(now time.Time) bool { return !k.known.Swap(true) || k.rate.AllowN(now, 1) }

func newTransport(now func() time.Time) *transport {
	return &transport{
		base: http.DefaultTransport.(*http.Transport).Clone(),
		now:  now,
	}
}

// client returns the client for the provider. It follows no redirects: a 307 would carry code, verifier and client
// secret to wherever it points.
func (t *transport) client() *http.Client {
	return &http.Client{
		Transport:     t,
		Timeout:       providerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limit bounds how often the provider's keys are fetched from there, beginning anew.
func (t *transport) limit(keys string) {
	if u, err := url.Parse(keys); err == nil {
		keys = u.String()
	}
	t.keys.Store(&keyFetches{address: keys, rate: rate.NewLimiter(rate.Every(keyFetchEvery), 1)})
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if keys := t.keys.Load(); keys != nil && r.URL.String() == keys.address && !keys.allow(t.now()) {
		return nil, errKeyFetches
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodGet && resp.StatusCode != http.StatusOK {
		// go-oidc would put the whole of it into its error.
		resp.Body.Close()
		resp.Body = http.NoBody
		return resp, nil
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// get fetches what is at one of the provider's addresses, and the media type it is said to be of.
func get(ctx context.Context, client *http.Client, address, accessToken string) (body []byte, kind string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", err
	}
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("status %d", resp.StatusCode)
	}
	kind, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	body, err = io.ReadAll(resp.Body)
	return body, kind, err
}

// brief returns an error's text fit for one line of a log: the libraries quote what the provider sent.
func brief(err error) string {
	s := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, err.Error())
	if len(s) > maxBrief {
		s = strings.ToValidUTF8(s[:maxBrief], "") + "…"
	}
	return s
}
