// Package static holds what pages load besides HTML: the style sheets, the scripts and the icon, embedded in the binary.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed css/*.css js/*.js icons/*.svg
//go:embed node_modules/htmx.org/dist/htmx.min.js
//go:embed node_modules/htmx.org/dist/ext/hx-sse.min.js
//go:embed node_modules/htmx.org/dist/ext/hx-upsert.min.js
var embedded embed.FS

// styles are the parts of each style sheet in cascade order: tokens, then the page, then components. What the front page and
// the pages of the account and of administrators need beyond the rest are sheets of their own, so that a room is not heavier
// for them.
var styles = map[string][]string{
	"app.css":   {"tokens", "base", "layout", "controls", "ending", "rooms", "messages", "composer", "people", "pages"},
	"home.css":  {"home"},
	"sheet.css": {"account", "admin"},
}

// scripts are the modules of each kind of page, each after those it imports. They are served as one module: one request,
// and half the bytes of ten. So no two of them may use a name at the top level for different things; a browser refuses
// such a script at once.
var scripts = map[string][]string{
	"lobby.js": {"light", "signin", "stream", "tabs", "times", "rooms", "ending"},
	"room.js": {"light", "signin", "stream", "tabs", "times", "rooms", "ending", "scroll", "pane", "history", "draft", "news", "unread",
		"announce", "post", "outbox", "waiting", "composer", "editing"},
}

// libraries are the parts of htmx.js: the extensions register with the library before them.
var libraries = []string{"htmx.min.js", "ext/hx-sse.min.js", "ext/hx-upsert.min.js"}

// Assets are the files as they are served: names carry a hash of everything, so browsers may keep them for ever.
type Assets struct {
	hash  string
	files map[string]asset
}

type asset struct {
	contentType string
	plain, gzip []byte
}

// Load reads the embedded files. It fails only if the binary was built without them.
func Load() (*Assets, error) { return load(embedded) }

func load(from fs.FS) (*Assets, error) {
	a := &Assets{files: map[string]asset{}}
	htmx, err := concat(from, libraries, func(name string) string { return "node_modules/htmx.org/dist/" + name })
	if err != nil {
		return nil, err
	}
	logo, err := fs.ReadFile(from, "icons/logo.svg")
	if err != nil {
		return nil, err
	}
	contents := map[string][]byte{"htmx.js": htmx, "logo.svg": logo}
	for name, parts := range styles {
		css, err := concat(from, parts, func(name string) string { return "css/" + name + ".css" })
		if err != nil {
			return nil, err
		}
		contents[name] = slim(css)
	}
	for name, modules := range scripts {
		source, err := concat(from, modules, func(name string) string { return "js/" + name + ".js" })
		if err != nil {
			return nil, err
		}
		contents[name] = link(slim(source))
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		body := contents[name]
		fmt.Fprintf(sum, "%s %d\n%s", name, len(body), body)
		a.files[name] = asset{contentType: contentType(name), plain: body, gzip: compress(body)}
	}
	a.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return a, nil
}

func concat(from fs.FS, names []string, file func(string) string) ([]byte, error) {
	var b bytes.Buffer
	for _, name := range names {
		part, err := fs.ReadFile(from, file(name))
		if err != nil {
			return nil, fmt.Errorf("static: %w", err)
		}
		b.Write(bytes.TrimSpace(part))
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// slim leaves out what only people read, indentation and lines that are comments, so that explaining costs visitors
// nothing. It is meant for our own files: none has a text over several lines.
func slim(body []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		comment := bytes.HasPrefix(line, []byte("//")) || bytes.HasPrefix(line, []byte("/*")) && bytes.HasSuffix(line, []byte("*/"))
		if len(line) > 0 && !comment {
			b.Write(line)
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// link makes one module of several that stand behind each other.
func link(source []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(source) {
		if !bytes.HasPrefix(line, []byte("import ")) {
			b.Write(bytes.TrimPrefix(line, []byte("export ")))
		}
	}
	return b.Bytes()
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	// Neither a valid level nor a write to memory can fail.
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	default:
		return "image/svg+xml"
	}
}

// URL returns the address of a file by its plain name, for example "app.css".
func (a *Assets) URL(name string) string { return "/static/" + a.hash + "/" + name }

// forPages are headers that say what a page may do. The files are none, and there are many of them.
var forPages = []string{"Content-Security-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy"}

// ServeHTTP answers /static/HASH/NAME. A hash of another version gets today's file, not to be kept: a page from before
// an upgrade goes on working.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/static/"), "/")
	file, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Vary", "Accept-Encoding")
	for _, name := range forPages {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-cache")
	if hash == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := file.plain
	if TakesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = file.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// TakesGzip reports whether an Accept-Encoding (RFC 9110, 12.5.3) allows gzip: by name, or else as one of the rest, with a weight above 0.
func TakesGzip(accept string) bool {
	rest := false
	for part := range strings.SplitSeq(strings.ToLower(accept), ",") {
		coding, parameter, weighted := strings.Cut(part, ";")
		taken := true
		if weighted {
			weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(parameter), "q="), 64)
			taken = err == nil && weight > 0
		}
		switch strings.TrimSpace(coding) {
		case "gzip":
			return taken
		case "*":
			rest = taken
		}
	}
	return rest
}
