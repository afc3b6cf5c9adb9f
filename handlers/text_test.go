package handlers_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

// hostile are messages that try to be more than text.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`</div></li><li id="m-1" class="message" data-author="1">forged</li>`,
	`<a href="javascript:alert(1)">x</a> [y](javascript:alert(1)) [z](data:text/html,x) <javascript:alert(1)>`,
	`<div hx-get="/users/logout" hx-trigger="load" data-hx-post="/x" sse-connect="/y" style="position:fixed" name="body" id="composer">x</div>`,
	"one\revent: auth\rdata: {}\r\rid: 99",
	"two\r\nevent: bye\r\nretry: 1\r\n\r\nid: 1\r\n",
	"three\n\nid: 7\ndata: <hx-partial hx-target=\"body\">x</hx-partial>\n\n: comment",
	"\u2028event: auth\u2029\u0085event: auth",
	"left \u202eto right\u202c \u2066isolate",
	`</textarea><script>alert(2)</script><!-- `,
	"```\n</code></pre><script>alert(3)</script>\n```",
	`<hx-partial hx-target="#composer" hx-swap="delete"></hx-partial><hx-upsert></hx-upsert>`,
	`![x](https://evil.example/pixel.gif "title\" onload=\"alert(1)")`,
	"&lt;script&gt; &amp; &#60;b&#62; \\<b>",
	`[ref]: javascript:alert(1) "x"` + "\n\n[ref]",
	`<svg><style><img src=x onerror=alert(1)></style></svg><math><mtext></mtext></math>`,
}

// allowed are the elements and attributes people's text may become.
var allowed = map[string][]string{
	"p": nil, "br": nil, "strong": nil, "em": nil, "del": nil, "code": {"class"}, "pre": nil, "blockquote": nil, "ul": nil,
	"ol": {"start"}, "li": nil, "hr": nil, "table": nil, "thead": nil, "tbody": nil, "tr": nil, "th": nil, "td": nil,
	"a": {"href", "rel", "target"},
}

// onlyText checks that people's parts of some HTML hold nothing but what text may become, and names no elements at all.
func onlyText(t *testing.T, where string, doc *goquery.Document, messages int) {
	t.Helper()
	found := doc.Find("li.message .message__body")
	want(t, where+": messages", found.Length(), messages)
	found.Find("*").Each(func(_ int, e *goquery.Selection) {
		attributes, ok := allowed[goquery.NodeName(e)]
		if !ok {
			t.Errorf("%s: element %s", where, goquery.NodeName(e))
		}
		for _, a := range e.Nodes[0].Attr {
			if !slices.Contains(attributes, a.Key) || a.Key == "href" && !strings.HasPrefix(a.Val, "http") {
				t.Errorf("%s: attribute %s=%q", where, a.Key, a.Val)
			}
		}
	})
	if n := doc.Find("bdi *").Length(); n > 0 {
		t.Errorf("%s: %d elements in names", where, n)
	}
	doc.Find("script").Each(func(_ int, e *goquery.Selection) {
		if !strings.HasPrefix(e.AttrOr("src", ""), "/static/") {
			t.Errorf("%s: a script", where)
		}
	})
}

func TestPeoplesTextIsText(t *testing.T) {
	s := open(t, setup{hub: slow})
	mallory, bob := s.signIn("mallory"), s.signIn("bob")
	if strings.Contains(mallory.name, "\u202e") || !strings.Contains(mallory.name, "<script>") {
		t.Errorf("mallory's name is %q", mallory.name)
	}
	stream := bob.listen(events + "?after=" + bob.get("/chat/General").cursor())
	stream.hello()
	var last store.MessageID
	for i, words := range hostile {
		a := mallory.post("/chat/General/messages", url.Values{"body": {words}}, "HX-Request", "true")
		want(t, "status", a.status, 200)
		onlyText(t, fmt.Sprint("answer ", i), a.page(), 1)
		want(t, "parts of an answer", a.page().Find("body").Children().Length(), 1)
		f := stream.until("the message", frame.isChange)
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(f.data))
		must(t, err)
		onlyText(t, fmt.Sprint("frame ", i), doc, 1)
		want(t, "parts of a frame", doc.Find("body").Children().Length(), 1)
		shown := doc.Find(".message__body").Text()
		for _, word := range []string{"alert(1)", "alert(3)", "forged", "event: auth", "id: 7"} {
			if strings.Contains(words, word) && !strings.Contains(words, "](") && !strings.Contains(words, "]:") && !strings.Contains(shown, word) {
				t.Errorf("%q became %q", words, shown)
			}
		}
		last = store.MessageID(f.id)
	}
	room := bob.get("/chat/General")
	onlyText(t, "page", room.page(), len(hostile))
	want(t, "forged messages", room.page().Find("#m-1").Length(), 0)
	want(t, "composers", room.page().Find("#composer").Length(), 1)
	onlyText(t, "dashboard", bob.get("/dashboard").page(), 0)

	t.Run("replayed", func(t *testing.T) {
		again := bob.listen(events + "?after=" + number(int64(last)-int64(len(hostile))))
		again.hello()
		f := again.until("the messages", frame.isChange)
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(f.data))
		must(t, err)
		onlyText(t, "replay", doc, len(hostile))
		want(t, "parts", doc.Find("body").Children().Length(), len(hostile))
	})
	t.Run("in drafts", func(t *testing.T) {
		for _, words := range hostile {
			draft := words + strings.Repeat("x", store.MaxBody)
			a := mallory.post("/chat/General/messages", url.Values{"body": {draft}})
			want(t, "status", a.status, 422)
			want(t, "elements in the draft", a.page().Find("textarea *").Length(), 0)
			got := a.page().Find("textarea[name=body]").Text()
			want(t, "draft", got, strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(draft))
			onlyText(t, "page", a.page(), len(hostile))
		}
	})
	t.Run("in the form that edits", func(t *testing.T) {
		a := mallory.get("/chat/General/messages/" + number(last) + "/edit")
		want(t, "draft", a.page().Find("textarea").Text(), hostile[len(hostile)-1])
		want(t, "elements in it", a.page().Find("textarea *").Length(), 0)
	})
}

func TestWordsAreWrittenInAFormThatIsAlsoHTMXs(t *testing.T) {
	s := open(t, setup{hub: slow})
	composer := s.signIn("alice").get("/chat/General").page().Find("form#composer")
	want(t, "plain", composer.AttrOr("method", "")+" "+composer.AttrOr("action", ""), "post /chat/General/messages")
	want(t, "htmx", composer.AttrOr("hx-post", ""), composer.AttrOr("action", "none"))
	want(t, "encoding", composer.AttrOr("enctype", ""), "multipart/form-data")
	want(t, "what the answer replaces", composer.AttrOr("hx-swap", ""), "none")
}
