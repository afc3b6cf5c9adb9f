package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func assets(t *testing.T) *Assets {
	t.Helper()
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// get asks for a path with an Accept-Encoding, none if it is empty.
func get(a *Assets, path, encoding string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestURLIsStable(t *testing.T) {
	a, again := assets(t), assets(t)
	if a.URL("app.css") != again.URL("app.css") {
		t.Errorf("%s, then %s", a.URL("app.css"), again.URL("app.css"))
	}
	if !regexp.MustCompile(`^/static/[0-9a-f]{12}/app\.css$`).MatchString(a.URL("app.css")) {
		t.Errorf("%s", a.URL("app.css"))
	}
}

// copied returns the embedded files in a form that tests may change.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(name)
		files[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestURLChangesWithTheContent(t *testing.T) {
	seen := map[string]string{assets(t).URL(""): "the files as they are"}
	for _, name := range []string{"css/tokens.css", "css/pages.css", "js/stream.js", "icons/logo.svg",
		"node_modules/htmx.org/dist/htmx.min.js", "node_modules/htmx.org/dist/ext/hx-upsert.min.js"} {
		files := copied(t)
		files[name].Data = append(files[name].Data, 'x')
		a, err := load(files)
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[a.URL("")]; other != "" {
			t.Errorf("%s with another letter has the address of %s", name, other)
		}
		seen[a.URL("")] = name
	}
}

func TestMissingPartIsAnError(t *testing.T) {
	for _, name := range []string{"css/tokens.css", "js/stream.js", "icons/logo.svg", "node_modules/htmx.org/dist/ext/hx-sse.min.js"} {
		files := copied(t)
		delete(files, name)
		if _, err := load(files); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestEveryScriptIsServed(t *testing.T) {
	files, err := fs.Glob(embedded, "js/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(path.Base(file), ".js"); !slices.Contains(scripts["room.js"], name) {
			t.Errorf("%s is not part of room.js: add it to scripts", file)
		}
	}
}

// A module that stands before one it imports would use a name before there is one.
func TestScriptsStandBehindWhatTheyImport(t *testing.T) {
	imported := regexp.MustCompile(`(?m)^import .* from "\./(\w+)\.js";$`)
	for page, modules := range scripts {
		for i, name := range modules {
			source, err := embedded.ReadFile("js/" + name + ".js")
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range imported.FindAllSubmatch(source, -1) {
				if !slices.Contains(modules[:i], string(match[1])) {
					t.Errorf("in %s %s does not stand behind %s", page, name, match[1])
				}
			}
		}
	}
}

func TestNoTwoScriptsShareAName(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^(?:export )?(?:async )?(?:const|let|function|class) (\w+|\[.*?\])`)
	for page, modules := range scripts {
		owner := map[string]string{}
		for _, module := range modules {
			source, err := embedded.ReadFile("js/" + module + ".js")
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range declared.FindAllSubmatch(source, -1) {
				for _, name := range strings.FieldsFunc(string(match[1]), func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
					if owner[name] != "" {
						t.Errorf("in %s %s is a name in %s and in %s", page, name, owner[name], module)
					}
					owner[name] = module
				}
			}
		}
	}
}

func TestEveryStyleSheetIsServed(t *testing.T) {
	files, err := fs.Glob(embedded, "css/*.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".css")
		if !slices.Contains(slices.Concat(slices.Collect(maps.Values(styles))...), name) {
			t.Errorf("%s is part of no style sheet: add it to styles", file)
		}
	}
}

func TestEveryFileIsServed(t *testing.T) {
	a := assets(t)
	types := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		t.Run(name, func(t *testing.T) {
			plain, packed := get(a, a.URL(name), ""), get(a, a.URL(name), "gzip, deflate, br")
			body, small := read(t, plain.Body), read(t, packed.Body)
			for _, resp := range []*http.Response{plain, packed} {
				want := map[string]string{
					"Content-Type":  types[path.Ext(name)],
					"Cache-Control": "public, max-age=31536000, immutable",
					"Vary":          "Accept-Encoding",
				}
				for header, value := range want {
					if got := resp.Header.Get(header); got != value || resp.StatusCode != http.StatusOK {
						t.Errorf("%s: %s is %q, want %q", resp.Status, header, got, value)
					}
				}
			}
			if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("encodings %q and %q", plain.Header.Get("Content-Encoding"), packed.Header.Get("Content-Encoding"))
			}
			if int(plain.ContentLength) != len(body) || int(packed.ContentLength) != len(small) {
				t.Errorf("lengths %d and %d of %d and %d bytes", plain.ContentLength, packed.ContentLength, len(body), len(small))
			}
			unpacked, err := gzip.NewReader(bytes.NewReader(small))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(read(t, unpacked), body) {
				t.Error("gzip holds something else")
			}
			if len(small) >= len(body) {
				t.Errorf("gzip makes %d bytes of %d", len(small), len(body))
			}
		})
	}
}

func TestEncodingIsTheBrowsersChoice(t *testing.T) {
	a := assets(t)
	for accept, want := range map[string]string{
		"":                        "",
		"gzip":                    "gzip",
		"GZIP":                    "gzip",
		"deflate, gzip;q=1.0, br": "gzip",
		"br;q=1, gzip ; q=0.1":    "gzip",
		"*":                       "gzip",
		"gzip;q=0":                "",
		"gzip; Q=0.000":           "",
		"gzip;q=0, *":             "",
		"*;q=0":                   "",
		"identity":                "",
		"br, deflate":             "",
		"x-notgzip":               "",
		"gzip;q=":                 "",
	} {
		resp := get(a, a.URL("app.css"), accept)
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q is answered with %q, want %q", accept, got, want)
		}
	}
}

func TestAddressOfAnotherVersion(t *testing.T) {
	a := assets(t)
	resp := get(a, "/static/000000000000/app.css", "")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%s, %s", resp.Status, resp.Header.Get("Cache-Control"))
	}
	if !bytes.Equal(read(t, resp.Body), a.files["app.css"].plain) {
		t.Error("not today's file")
	}
}

func TestUnknownFile(t *testing.T) {
	a := assets(t)
	for _, path := range []string{a.URL("nothing.js"), a.URL(""), "/static/", "/static/app.css", a.URL("../static.go"), a.URL("css/app.css")} {
		if resp := get(a, path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

func TestHead(t *testing.T) {
	a := assets(t)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodHead, a.URL("app.css"), nil))
	if resp := w.Result(); resp.StatusCode != http.StatusOK || w.Body.Len() != 0 || int(resp.ContentLength) != len(a.files["app.css"].plain) {
		t.Errorf("%s, length %d, %d bytes", resp.Status, resp.ContentLength, w.Body.Len())
	}
}
