package handlers_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

const messages = "/chat/General/messages"

// bodies returns the messages a page shows.
func bodies(a answer) []string {
	return a.page().Find("ol.messages .message__body").Map(func(_ int, b *goquery.Selection) string { return strings.TrimSpace(b.Text()) })
}

func TestRefusedMessageKeepsItsDraft(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	m := messages + "/" + number(alice.say("kept"))
	for _, c := range []struct{ name, body, draft string }{
		{"empty", "", ""},
		{"blank", " \r\n\u3000\t", " \n\u3000\t"},
		{"8,001 characters", strings.Repeat("é", 8001), strings.Repeat("é", 8001)},
		{"invalid UTF-8", "dear \xff\xfe words", "dear \ufffd words"},
		{"NUL", "dear\x00words", "dear\ufffdwords"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, target := range []string{messages, m + "/edit"} {
				a := alice.post(target, url.Values{"body": {c.body}, "nonce": {"n"}})
				want(t, "status", a.status, http.StatusUnprocessableEntity)
				want(t, "warnings", a.page().Find("p.flash").Length(), 1)
				want(t, "draft", a.page().Find("textarea[name=body]").Text(), c.draft)
				page(t, a, true)
				a = alice.post(target, url.Values{"body": {c.body}, "nonce": {"n"}}, "HX-Request", "true")
				want(t, "status for a script", a.status, http.StatusUnprocessableEntity)
				want(t, "warnings for a script", a.page().Find("hx-partial p.flash").Length(), 1)
			}
		})
	}
	want(t, "messages", strings.Join(bodies(alice.get("/chat/General")), ","), "kept")
}

func TestLargeBodies(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	a := alice.post(messages, url.Values{"body": {strings.Repeat("x", 70<<10)}})
	want(t, "70 KB", a.status, http.StatusRequestEntityTooLarge)
	page(t, a, true)
	a = alice.multipart(strings.Repeat("x", 70<<10))
	want(t, "70 KB as multipart", a.status, http.StatusRequestEntityTooLarge)
	a = alice.do(http.MethodPost, messages, strings.NewReader("--nonsense"), "Content-Type", "multipart/form-data; boundary=x")
	want(t, "no form", a.status, http.StatusBadRequest)
	a = alice.post(messages, nil, "Content-Type", "application/x-www-form-urlencoded; %")
	want(t, "odd type", a.status >= 400 && a.status < 500, true)

	form := alice.get("/chat/General").page().Find("#composer")
	want(t, "encoding of the form", form.AttrOr("enctype", ""), "multipart/form-data")
	for _, letter := range []string{"x", "é", "你", "👍"} {
		a := alice.multipart(strings.Repeat(letter, store.MaxBody))
		want(t, "8,000 of "+letter, a.status, http.StatusSeeOther)
	}
}

// multipart posts words as the composer's form does.
func (p *person) multipart(words string) answer {
	p.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(p, w.WriteField("nonce", ""))
	must(p, w.WriteField("body", words))
	must(p, w.Close())
	return p.do(http.MethodPost, messages, &b, "Content-Type", w.FormDataContentType())
}

func TestPostingTwiceIsPostingOnce(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	nonce := alice.get("/chat/General").page().Find("input[name=nonce]").AttrOr("value", "")
	twice := url.Values{"body": {"only once"}, "nonce": {nonce}}
	first, second := alice.post(messages, twice), alice.post(messages, twice)
	want(t, "status", first.status, http.StatusSeeOther)
	want(t, "the second leads to", second.header.Get("Location"), first.header.Get("Location"))
	scripted := alice.post(messages, twice, "HX-Request", "true")
	want(t, "status", scripted.status, http.StatusOK)
	seq := scripted.page().Find("hx-upsert li.message").AttrOr("data-seq", "")
	want(t, "a script's leads to", "/chat/General#m-"+seq, first.header.Get("Location"))
	want(t, "messages", len(bodies(alice.get("/chat/General"))), 1)

	other := url.Values{"body": {"other words"}, "nonce": {nonce}}
	for range 2 {
		a := alice.post(messages, other)
		want(t, "status of other words", a.status, http.StatusSeeOther)
	}
	want(t, "messages", strings.Join(bodies(alice.get("/chat/General")), ","), "only once,other words")

	bob := s.signIn("bob")
	want(t, "somebody else's", bob.post(messages, twice).status, http.StatusSeeOther)
	want(t, "messages", len(bodies(bob.get("/chat/General"))), 3)
	want(t, "a nonce too long", alice.post(messages, url.Values{"body": {"x"}, "nonce": {strings.Repeat("n", 65)}}).status, 422)
}

func TestPostingTooFast(t *testing.T) {
	s := open(t, setup{rateLimit: true})
	alice, bob := s.signIn("alice"), s.signIn("bob")
	var a answer
	n := 0
	// The limit is per minute, and a minute may end meanwhile: twice as many are too many in any case.
	for ; n < 300 && a.status != http.StatusTooManyRequests; n++ {
		a = alice.post(messages, url.Values{"body": {fmt.Sprint("hurry ", n)}})
	}
	want(t, "status", a.status, http.StatusTooManyRequests)
	if n < 100 {
		t.Errorf("%d messages were too many", n)
	}
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	want(t, "draft", a.page().Find("textarea[name=body]").Text(), fmt.Sprint("hurry ", n-1))
	a = alice.post(messages, url.Values{"body": {"x"}}, "HX-Request", "true")
	want(t, "status for a script", a.status, http.StatusTooManyRequests)
	want(t, "target", a.page().Find("hx-partial").AttrOr("hx-target", ""), "#flash")
	want(t, "somebody else", bob.post(messages, url.Values{"body": {"x"}}).status, http.StatusSeeOther)
}

func TestEditingAndDeleting(t *testing.T) {
	s := open(t, setup{})
	alice, bob := s.signIn("alice"), s.signIn("bob")
	m := messages + "/" + number(alice.say("frist"))
	want(t, "the form holds", alice.get(m+"/edit").page().Find("textarea").Text(), "frist")
	want(t, "somebody else's edit", bob.post(m+"/edit", url.Values{"body": {"mine"}}).status, http.StatusForbidden)
	a := alice.post(m+"/edit", url.Values{"body": {"first"}})
	want(t, "status", a.status, http.StatusSeeOther)
	want(t, "leads to", a.header.Get("Location"), m+"#m-"+m[len(messages)+1:])
	want(t, "marks", alice.get("/chat/General").page().Find(".message__edited").Length(), 1)

	a = alice.post(m+"/edit", url.Values{"body": {"First"}}, "HX-Request", "true")
	want(t, "status for a script", a.status, http.StatusOK)
	want(t, "parts", strings.Join(a.page().Find("hx-partial").Map(func(_ int, p *goquery.Selection) string {
		return p.AttrOr("hx-target", "") + " " + p.AttrOr("hx-swap", "")
	}), ", "), "#m-"+m[len(messages)+1:]+" outerMorph, #e-"+m[len(messages)+1:]+" delete")

	want(t, "somebody else's delete", bob.post(m+"/delete", nil).status, http.StatusForbidden)
	want(t, "delete", alice.post(m+"/delete", nil).status, http.StatusSeeOther)
	want(t, "delete again", alice.post(m+"/delete", nil).status, http.StatusSeeOther)
	a = alice.post(m+"/edit", url.Values{"body": {"too late"}})
	want(t, "edit when deleted", a.status, http.StatusConflict)
	want(t, "draft", a.page().Find("textarea").Text(), "too late")
	room := alice.get("/chat/General")
	want(t, "deleted ones", room.page().Find(".message--deleted").Length(), 1)
	if strings.Contains(room.body, "First") || strings.Contains(alice.get(m).body, "First") {
		t.Error("the words are still there")
	}
}

func TestHistoryByLinks(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	room := s.roomID(alice.id, "General")
	var all []string
	var middle store.MessageID
	for i := range 130 {
		m, err := s.store.CreateMessage(t.Context(), alice.id, room, store.Draft{Body: fmt.Sprint("number ", i), Nonce: fmt.Sprint(i)})
		must(t, err)
		all = append(all, m.Body)
		if i == 64 {
			middle = m.ID
		}
	}
	walk := func(a answer, to string) []string {
		got := bodies(a)
		for range 10 {
			next := links(a.page(), "a[data-more="+to+"]")
			if len(next) == 0 {
				break
			}
			scripted := alice.get(next[0], "HX-Request", "true")
			a = alice.get(next[0])
			if !slices.Equal(bodies(a), scripted.page().Find(".message__body").Map(func(_ int, b *goquery.Selection) string { return strings.TrimSpace(b.Text()) })) {
				t.Errorf("%s: a script gets other messages", next[0])
			}
			if to == "older" {
				got = append(bodies(a), got...)
			} else {
				got = append(got, bodies(a)...)
			}
		}
		return got
	}
	newest := alice.get("/chat/General")
	want(t, "on the first page", len(bodies(newest)), 50)
	if got := walk(newest, "older"); !slices.Equal(got, all) {
		t.Errorf("going back: %q", got)
	}
	permalink := alice.get(messages + "/" + number(middle))
	want(t, "anchor", permalink.page().Find("#scroll").AttrOr("data-anchor", ""), "m-"+number(middle))
	want(t, "the list takes live messages", permalink.page().Find("ol#messages").Length(), 0)
	back, on := walk(permalink, "older"), walk(permalink, "newer")
	if got := append(back, on[len(bodies(permalink)):]...); !slices.Equal(got, all) {
		t.Errorf("from the middle: %q", got)
	}
	empty := alice.get("/chat/Sports")
	want(t, "an empty room says so", empty.page().Find("#empty").Length(), 1)
}
