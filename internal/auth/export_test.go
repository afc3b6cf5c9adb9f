package auth

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// CutShort has requests to one of the provider's paths given up as soon as stuck is closed, as if their time were over. It
// returns how many there were that no time-out would have ended.
func (a *Auth) CutShort(path string, stuck <-chan struct{}) (endless *atomic.Int32) {
	t := &shortened{RoundTripper: a.discovery.transport.base, path: path, stuck: stuck}
	a.discovery.transport.base = t
	return &t.endless
}

type shortened struct {
	http.RoundTripper
	path    string
	stuck   <-chan struct{}
	endless atomic.Int32
}

func (t *shortened) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != t.path {
		return t.RoundTripper.RoundTrip(r)
	}
	if end, ok := r.Context().Deadline(); !ok || time.Until(end) > redeemTimeout {
		t.endless.Add(1)
	}
	ctx, cancel := context.WithCancel(r.Context())
	go func() {
		<-t.stuck
		cancel()
	}()
	return t.RoundTripper.RoundTrip(r.WithContext(ctx))
}

// CheckEndpoints checks the endpoints in an issuer's discovery document.
func CheckEndpoints(issuer, tokenEndpoint, keys string) error {
	return metadata{Authorization: issuer + "/authorize", Token: tokenEndpoint, Keys: keys}.check(issuer)
}
