package handlers_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestForeignForms(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		for _, target := range []string{"/chat/General/messages", "/users/logout"} {
			a := alice.post(target, url.Values{"body": {"from afar"}}, headers...)
			want(t, strings.Join(headers, " "), a.status, http.StatusForbidden)
			page(t, a, false)
			safe(t, s, a)
		}
	}
	a := alice.post("/chat/General/messages", url.Values{"body": {"from here"}}, "Sec-Fetch-Site", "same-origin", "Origin", s.base.String())
	want(t, "our own form", a.status, http.StatusSeeOther)
	want(t, "messages", alice.get("/chat/General").page().Find("li.message").Length(), 1)
}

func TestPagesAreCompressedWhenAsked(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	for _, path := range []string{"/", "/chat/General", "/me.css?1", s.assets.URL("app.css")} {
		plain, packed := alice.get(path), alice.get(path, "Accept-Encoding", "gzip")
		want(t, path+" encoding", packed.header.Get("Content-Encoding"), "gzip")
		want(t, path+" encoding unasked", plain.header.Get("Content-Encoding"), "")
		if !strings.Contains(strings.Join(packed.header.Values("Vary"), " "), "Accept-Encoding") {
			t.Errorf("%s does not vary", path)
		}
		r, err := gzip.NewReader(strings.NewReader(packed.body))
		must(t, err)
		all, err := io.ReadAll(r)
		must(t, err)
		if len(all) == 0 || path != "/chat/General" && string(all) != plain.body {
			t.Errorf("%s is another file packed", path)
		}
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	must(t, s.store.Close())
	want(t, "healthz", alice.get("/healthz").status, 200)
	want(t, "readyz", alice.get("/readyz").status, http.StatusServiceUnavailable)
	for _, headers := range [][]string{nil, {"HX-Request", "true"}} {
		a := alice.post("/chat/General/messages", url.Values{"body": {"dear words"}}, headers...)
		want(t, "status", a.status, 500)
		safe(t, s, a)
		if headers == nil {
			want(t, "number shown", a.page().Find("main code").Text(), a.header.Get("X-Request-Id"))
			want(t, "draft", a.page().Find("textarea").Text(), "dear words")
		} else {
			want(t, "target", a.page().Find("hx-partial").AttrOr("hx-target", ""), "#flash")
		}
		if strings.Contains(a.body, "closed") || strings.Contains(a.body, "sql") {
			t.Errorf("the answer says too much: %s", a.body)
		}
		faults := s.log.lines(t, "request failed")
		want(t, "number logged", faults[len(faults)-1]["id"], any(a.header.Get("X-Request-Id")))
	}
	want(t, "times logged", len(s.log.lines(t, "request failed")), 2)
}

func TestLogHasOneLineARequestAndNoSecret(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	alice.listen(events + "?after=0").hello()
	start := len(s.log.lines(t, "request"))
	a := alice.post("/chat/General/messages?token=qu3ry", url.Values{"body": {"b0dy"}, "nonce": {"n0nce"}})
	lines := s.log.lines(t, "request")[start:]
	want(t, "lines", len(lines), 1)
	for name, value := range map[string]any{
		"id": a.header.Get("X-Request-Id"), "method": "POST", "path": "/chat/General/messages", "status": float64(303), "address": "127.0.0.1",
	} {
		want(t, name, lines[0][name], value)
	}
	alice.get("/chat/General%0d%0afake=1?x=after=")
	secrets := []string{"qu3ry", "b0dy", "n0nce", "code=", "state=", "after="}
	for _, c := range alice.http.Jar.Cookies(s.base) {
		secrets = append(secrets, c.Value)
	}
	for _, secret := range secrets {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestPanics(t *testing.T) {
	t.Run("before the answer are a 500 page", func(t *testing.T) {
		s := open(t, setup{})
		alice := s.signIn("alice")
		s.store.panics.Store(true)
		a := alice.get("/dashboard")
		want(t, "status", a.status, 500)
		want(t, "number shown", a.page().Find("main code").Text(), a.header.Get("X-Request-Id"))
		want(t, "times logged", len(s.log.lines(t, "request failed")), 1)
		s.store.panics.Store(false)
		want(t, "afterwards", alice.get("/dashboard").status, 200)
	})
	t.Run("in the middle of the answer break it off", func(t *testing.T) {
		s := open(t, setup{around: breakWrites})
		alice := s.signIn("alice")
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.base.String()+"/dashboard?break", nil)
		must(t, err)
		res, err := alice.http.Do(req)
		must(t, err)
		defer res.Body.Close()
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("half an answer looked whole")
		}
		eventually(t, "a line for it", func() bool {
			lines := s.log.lines(t, "request")
			return lines[len(lines)-1]["path"] == "/dashboard"
		})
		want(t, "times logged", len(s.log.lines(t, "request failed")), 1)
	})
}

// breakWrites makes the writing of answers to ?break panic.
func breakWrites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "break" {
			w = brokenWriter{w}
		}
		next.ServeHTTP(w, r)
	})
}

type brokenWriter struct{ http.ResponseWriter }

func (b brokenWriter) Write(p []byte) (int, error) {
	_, _ = b.ResponseWriter.Write(p[:len(p)/2])
	_ = http.NewResponseController(b.ResponseWriter).Flush()
	panic("broken")
}
