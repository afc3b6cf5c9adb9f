package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestWhatPeopleWriteIsText(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	if err := chromedp.Listen(alice.ctx, func(event any) {
		if dialog, ok := event.(*page.EventJavascriptDialogOpening); ok {
			t.Errorf("a dialog opens: %s", dialog.Message)
		}
	}); err != nil {
		t.Fatal(err)
	}
	alice.signIn("alice", "/chat/General").live()
	mallory := s.visitor("mallory", true).signIn("mallory", "/chat/General").live()
	const name = "Mallory <script>alert(1)</script>"
	alice.see(".notice", name)
	alice.see("#people", name)
	mallory.see(".header__who", name)

	bodies := []string{
		`<script>alert(1)</script>`,
		`<img src=x onerror=alert(1)>`,
		`<hx-partial hx-target="body">gone</hx-partial>`,
		`<div hx-get="/" hx-trigger="load" data-hx-get="/">x</div>`,
		"data: x\revent: auth\rid: 99\r\rdata: y",
		"\u202etxet desrever\u202c and \u2067more",
		`[a](javascript:alert(1)) ![b](http://127.0.0.1:1/x.png)`,
	}
	poster := s.caller("mallory")
	for _, body := range bodies {
		poster.post(body)
	}
	poster.post("the last")
	check := func(how string) {
		alice.see(".message__body", "the last")
		got := alice.bodies()
		for i, want := range bodies[:4] {
			if got[i] != want {
				t.Errorf("%s: %q reads %q", how, want, got[i])
			}
		}
		for _, part := range []string{"event: auth", "txet desrever"} {
			if !strings.Contains(strings.Join(got, "\n"), part) {
				t.Errorf("%s: %q is not in the page", how, part)
			}
		}
		if n := eval[int](alice, `document.querySelectorAll("#scroll :is(script, img, [onerror], [data-hx-get], .message__body [hx-get], hx-partial, a[href^=javascript])").length`); n != 0 {
			t.Errorf("%s: %d elements came out of people's text", how, n)
		}
		if !alice.shows("#composer") {
			t.Errorf("%s: the page is gone", how)
		}
	}
	check("live")
	alice.see(".message__author", name)
	alice.shot("mallory")
	alice.live()
	alice.open("/chat/General")
	alice.live()
	check("on the page")

	// An editor gives the text back as it was written.
	mallory.see(".message__body", "the last")
	id := eval[string](mallory, `document.querySelector(".message").id`)
	mallory.do(hover("#" + id))
	mallory.click("#" + id + " a[href$=edit]")
	mallory.until("the text in the editor", `document.querySelector(".editor textarea")?.value === "<script>alert(1)</script>"`)

	// The announcer and the room list tell of it as text, too.
	alice.open("/dashboard")
	poster.post(`<b onclick="alert(1)">bold</b>`)
	alice.open("/dashboard")
	alice.see(".card__last", `<b onclick="alert(1)">bold</b>`)
}
