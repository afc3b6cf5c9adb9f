package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const shift = 8 // as DevTools counts modifiers

func TestKeysInTheComposer(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()

	alice.write("one")
	alice.enter(shift)
	alice.write("two")
	if alice.draft() != "one\ntwo" {
		t.Errorf("after Shift+Enter the draft is %q", alice.draft())
	}
	alice.enter(0)
	alice.see(".message__body", "two")
	alice.reads("one\ntwo")

	// Enter that picks a word of an input method does not send.
	call(alice, input.ImeSetComposition, input.ImeSetCompositionParams{Text: "にほん", SelectionStart: 3, SelectionEnd: 3})
	call(alice, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown,
		Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 229, NativeVirtualKeyCode: 229})
	call(alice, input.InsertText, input.InsertTextParams{Text: "日本"})
	if alice.draft() != "日本" {
		t.Errorf("after composing the draft is %q", alice.draft())
	}
	alice.enter(0)
	alice.see(".message__body", "日本")
	// Nothing is no message.
	alice.write("  ")
	alice.enter(0)
	eval[any](alice, `document.getElementById("body").value = ""`)
	alice.say("last")
	alice.see(".message__body", "last")
	alice.reads("one\ntwo", "日本", "last")

	// The draft survives a reload.
	alice.write("half a thou")
	alice.open("/chat/General")
	alice.live()
	if alice.draft() != "half a thou" {
		t.Errorf("after a reload the draft is %q", alice.draft())
	}
}

// The outbox posts with htmx, and where our scripts don't arrive, the composer does so itself.
func TestPostsAreHTMXForms(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	var sent []string
	net.lose(func(r *http.Request) bool {
		if posts(r) && strings.HasSuffix(r.URL.Path, "/messages") {
			kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
			sent = append(sent, fmt.Sprintf("HX-Request: %s, %s", r.Header.Get("HX-Request"), kind))
		}
		return false
	})
	alice.say("from the outbox")
	alice.misses(".outbox__item")
	alice.misses("body > form")

	net.cut(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/room.js") })
	bob := s.visitor("bob", true)
	bob.expectCuts()
	bob.signIn("bob", "/chat/General")
	kept := bob.keep()
	bob.post("from htmx alone")
	for _, p := range []*person{alice, bob} {
		p.see(".message__body", "from htmx alone")
		p.reads("from the outbox", "from htmx alone")
	}
	kept()
	net.mend()
	if want := slices.Repeat([]string{"HX-Request: true, multipart/form-data"}, 2); !slices.Equal(sent, want) {
		t.Errorf("the posts were %q", sent)
	}
}

func TestEnterOnAPhoneBreaksTheLine(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	alice.screen(390, 844, "light")
	call(alice, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	call(alice, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "hover", Value: "none"}, {Name: "pointer", Value: "coarse"}}})
	alice.signIn("alice", "/chat/General").live()
	if !eval[bool](alice, `matchMedia("(hover: none) and (pointer: coarse)").matches`) {
		t.Fatal("this is no phone")
	}
	if eval[bool](alice, `document.activeElement === document.getElementById("body")`) {
		t.Error("the keyboard covers the room before Alice has touched anything")
	}
	alice.write("one")
	alice.enter(0)
	alice.write("two")
	if alice.draft() != "one\ntwo" {
		t.Errorf("the draft is %q", alice.draft())
	}
	alice.click(".composer__send")
	alice.see(".message__body", "two")
	alice.reads("one\ntwo")
	alice.shot("phone-room")
}

func TestWhatIsWrittenWhileSendingIsKept(t *testing.T) {
	story(t)
	s, net := startBehind(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	release := net.hold(posts)
	alice.say("one")
	alice.waits("one", "Sending…")
	alice.say("two")
	alice.write("three")
	release()
	alice.see(".message__body", "two")
	alice.misses(".outbox__item")
	alice.reads("one", "two")
	if alice.draft() != "three" {
		t.Errorf("the draft is %q", alice.draft())
	}
}

func TestWordsThatCouldNotBeSent(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)

	// The answer got lost, the message did not: trying again posts it once.
	net.lose(posts)
	alice.say("did it arrive?")
	alice.waits("did it arrive?", "Not sent yet: the server can't be reached")
	alice.see(".message__body", "did it arrive?")
	alice.shot("failed-send")
	net.mend()
	alice.act("did it arrive?", "Try again")
	alice.misses(".outbox__item")
	alice.say("and this?")
	alice.see(".message__body", "and this?")
	alice.reads("did it arrive?", "and this?")

	// What is not to be sent after all is not.
	net.cut(posts)
	alice.say("a hasty word")
	alice.waits("a hasty word", "Not sent yet")
	alice.say("a kind word")
	alice.waits("a kind word", "Waiting to be sent")
	alice.act("a hasty word", "Discard")
	net.mend()
	alice.act("a kind word", "Try again")
	alice.see(".message__body", "a kind word")
	alice.misses(".outbox__item")
	alice.reads("did it arrive?", "and this?", "a kind word")

	// An edit that could not be saved stays open.
	alice.press(kb.ArrowUp)
	alice.appears(".editor textarea")
	net.cut(posts)
	alice.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), "!"))
	alice.enter(0)
	alice.see(".flash", "This was not saved")
	net.mend()
	alice.do(chromedp.Focus(chromedp.CSS(".editor textarea")))
	alice.enter(0)
	alice.see(".message__body", "a kind word!")
	alice.misses(".editor")
}

func TestWordsThatAreRefusedStay(t *testing.T) {
	story(t)
	s := start(t, "RATE_LIMIT=on")
	alice := s.visitor("alice", true)
	alice.expect("status of 422", "status of 429")
	alice.signIn("alice", "/chat/General").live()
	long := strings.Repeat("x", 8_001)
	alice.do(chromedp.SetValue(chromedp.ID("body"), long))
	alice.click(".composer__send")
	alice.see(".flash", "8,000")
	if len(alice.draft()) != len(long) {
		t.Errorf("%d characters are left of the draft", len(alice.draft()))
	}
	alice.misses(".outbox__item")
	alice.do(chromedp.SetValue(chromedp.ID("body"), "short"))
	alice.click(".composer__send")
	alice.see(".message__body", "short")
	alice.misses(".flash")

	// Too fast: after a while the same words go.
	eval[any](alice, `Promise.all(Array.from({length: 125}, () => fetch(location.pathname + "/messages", {method: "POST", body: new URLSearchParams({body: ""})}))).then(() => 0)`)
	alice.write("patience")
	alice.click(".composer__send")
	alice.see(".flash", "Wait a moment")
	if alice.draft() != "patience" {
		t.Errorf("the draft is %q", alice.draft())
	}
	alice.shot("too-fast")
}

func TestOnesOwnWordsCanBeChanged(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	carol := s.caller("carol")
	alice.say("frist")
	bob.see(".message__body", "frist")
	alice.cleared()

	// Arrow up opens the last own message, and what others write leaves it alone.
	alice.press(kb.ArrowUp)
	alice.appears(".editor textarea")
	alice.until("the caret in the editor", `document.activeElement.matches(".editor textarea")`)
	alice.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), " and f"))
	bob.say("an answer")
	alice.see(".message__body", "an answer")
	carol.post("another")
	alice.see(".message__body", "another")
	alice.until("what Alice writes untouched", `document.activeElement.matches(".editor textarea") && document.activeElement.value === "frist and f"`)
	if order := eval[string](alice, `[...document.querySelectorAll("#messages > .message, #messages > .editor")].map(e => e.className.split(" ")[0]).join(" ")`); order != "message editor message message" {
		t.Errorf("the list is %q, want the editor below its message and above the others'", order)
	}
	alice.until("the editor in view", `(() => {
		const s = document.getElementById("scroll").getBoundingClientRect(), e = document.querySelector(".editor textarea").getBoundingClientRect();
		return e.top >= s.top && e.bottom <= s.bottom;
	})()`)
	alice.shot("editor")
	alice.press(kb.Escape)
	alice.misses(".editor")
	alice.until("the caret in the composer", `document.activeElement.id === "body"`)

	// It opens also if the stream, which brings what the answer to a post has brought, draws the message meanwhile.
	alice.press(kb.ArrowUp)
	eval[any](alice, `(() => { const m = document.querySelector(".message"); m.replaceWith(m.cloneNode(true)); })()`)
	alice.appears(".editor textarea")
	alice.do(chromedp.SetValue(chromedp.CSS(".editor textarea"), "first"))
	alice.do(chromedp.Focus(chromedp.CSS(".editor textarea")))
	alice.enter(0)
	for _, p := range []*person{alice, bob} {
		p.see(".message__body", "first")
		p.see(".message__edited", "edited")
	}
	alice.misses(".editor")
	bob.open("/chat/General")
	bob.live()
	bob.see(".message__edited", "edited")
	bob.reads("first", "an answer", "another")
	alice.shot("edited")

	// Deleting asks first.
	mine := eval[string](alice, `document.querySelector(".message").id`)
	alice.do(hover("#" + mine))
	alice.click("#" + mine + " a[href$=delete]")
	alice.see(".editor__ask", "The words will be gone for everybody")
	alice.shot("delete")
	alice.click(".editor [data-close]")
	alice.misses(".editor")
	alice.do(hover("#" + mine))
	alice.click("#" + mine + " a[href$=delete]")
	alice.click(".editor .button--bad")
	for _, p := range []*person{alice, bob} {
		p.see("#"+mine, "This message was deleted.")
		p.reads("an answer", "another")
	}
	alice.misses(".editor")

	// What comes in does not take the focus of somebody who has put it elsewhere.
	eval[any](alice, `document.activeElement.blur()`)
	carol.post("a third")
	alice.see(".message__body", "a third")
	if !eval[bool](alice, `document.activeElement === document.body`) {
		t.Error("an incoming message took the focus")
	}
}
