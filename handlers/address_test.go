package handlers

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestClientAddress(t *testing.T) {
	for _, c := range []struct {
		name    string
		trusted []string
		peer    string
		hops    []string
		want    string
	}{
		{"no proxy", nil, "192.0.2.7:4000", nil, "192.0.2.7"},
		{"no proxy, and a header that is not believed", nil, "192.0.2.7:4000", []string{"198.51.100.1"}, "192.0.2.7"},
		{"a proxy", []string{"127.0.0.1/32"}, "127.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy that was told another one", []string{"127.0.0.1/32"}, "127.0.0.1:4000", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"a stranger who claims to be a proxy", []string{"127.0.0.1/32"}, "192.0.2.7:4000", []string{"198.51.100.1"}, "192.0.2.7"},
		{"people on a network that is trusted", []string{"10.0.0.0/8"}, "10.0.0.1:4000", []string{"10.1.2.3"}, "10.1.2.3"},
		{"two proxies there", []string{"10.0.0.0/8"}, "10.0.0.1:4000", []string{"10.1.2.3", "10.0.0.2"}, "10.1.2.3"},
		{"one of them who makes things up", []string{"10.0.0.0/8"}, "10.0.0.1:4000", []string{"10.9.9.9, who knows, 10.1.2.3"}, "10.1.2.3"},
		{"a trusted proxy that says nothing", []string{"10.0.0.0/8"}, "10.0.0.1:4000", nil, "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Server{Options: Options{TrustedProxies: c.trusted}}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			for _, hop := range c.hops {
				r.Header.Add("X-Forwarded-For", hop)
			}
			var got string
			s.clientIP()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = ClientAddress(r) })).ServeHTTP(nil, r)
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
