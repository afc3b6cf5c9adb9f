package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreServedToThisMachineOnly(t *testing.T) {
	folder(t)
	at := freePort(t)
	p := launch(t, []string{"-dev"}, "DEBUG_LISTEN="+at)
	for host, want := range map[string]string{at: "200 goroutine profile: total ", "chat.example.org": "403 This is for"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/debug/pprof/goroutine?debug=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := p.visitor().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if got := resp.Status[:4] + string(body); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("as %s it answers %.80q, %v, want %q", host, got, err, want)
		}
		resp.Body.Close()
	}
	if resp := p.visitor().open("/debug/pprof/"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the site itself answers %s", resp.Status)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", at); err == nil {
		conn.Close()
		t.Error("profiles outlive the program")
	}
}
