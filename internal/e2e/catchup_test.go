package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// later has the page believe that a minute and a second have gone by.
func (p *person) later() {
	p.t.Helper()
	eval[any](p, `(() => { const now = Date.now; Date.now = () => now.call(Date) + 61_000; })()`)
}

// keep marks the page, to find out whether it is loaded anew.
func (p *person) keep() (kept func()) {
	p.t.Helper()
	eval[any](p, `window.kept = true`)
	return func() {
		p.t.Helper()
		if !eval[bool](p, `window.kept === true`) {
			p.t.Error("the page was loaded anew")
		}
	}
}

func TestCatchingUpSaysHowMuchWasMissed(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	for i := range 40 {
		bob.post(fmt.Sprintf("before %d", i))
	}
	alice.see(".message__body", "before 39")
	said := func(want string) {
		t.Helper()
		alice.until("the light saying "+want, fmt.Sprintf(`document.getElementById("light").textContent === %q`, want))
	}

	// Nothing missed, nothing said.
	said("Live")
	eval[any](alice, `(() => {
		window.heard = [];
		new MutationObserver(() => heard.push(light.textContent)).observe(light, {childList: true});
	})()`)
	net.cut(streams)
	alice.state("reconnecting")
	net.mend()
	alice.live()
	bob.post("live")
	alice.see(".message__body", "live")
	if heard := eval[string](alice, `heard.join()`); heard != "Reconnecting…,Live" {
		t.Errorf("the light said %q", heard)
	}
	alice.misses(".new")

	// She reads further up: nothing moves but the light.
	top := `document.getElementById("scroll").scrollTop`
	eval[any](alice, top+` = 300`)
	eval[any](alice, `new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame)).then(() => 0)`)
	net.cut(streams)
	alice.state("reconnecting")
	for i := range 12 {
		bob.post(fmt.Sprintf("missed %d", i))
	}
	s.caller("alice").post("from her phone")
	net.mend()
	said("Caught up, 12 messages")
	alice.see(".message__body", "missed 11")
	alice.until("a line above the first that was missed", `document.querySelector(".new + .message")?.innerText.includes("missed 0")`)
	if at := eval[int](alice, top); at != 300 {
		t.Errorf("what Alice reads has moved from 300 to %d", at)
	}
	alice.see("#new-messages", "New messages")
	if spoken := eval[string](alice, `document.getElementById("announcer").textContent`); strings.Contains(spoken, "missed") || strings.Contains(spoken, "12") {
		t.Errorf("what the light says is said again: %q", spoken)
	}
	for _, width := range []int64{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			alice.screen(width, 900, scheme)
			eval[any](alice, `document.querySelector(".new").scrollIntoView({block: "center"})`)
			alice.shot(fmt.Sprintf("caught-up-%d-%s", width, scheme))
		}
	}
	said("Live")

	// One is one, and what comes after is not missed.
	net.cut(streams)
	alice.state("reconnecting")
	bob.post("the only one")
	net.mend()
	said("Caught up, 1 message")
	bob.post("in time")
	alice.see(".message__body", "in time")
	alice.until("the line above the one", `document.querySelector(".new + .message")?.innerText.includes("the only one")`)
}

func TestAPageTooFarBehindSaysSo(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	bob.post("before")
	alice.see(".message__body", "before")
	net.cut(streams)
	alice.state("reconnecting")
	bob.flood(310, "missed")
	net.mend()
	alice.until("how much was missed", `document.getElementById("light").textContent === "Caught up, more than 50 messages"`)
	alice.until("a line at the top", `document.querySelector(".new + .message") === document.querySelector(".message")`)
}

// A network that has forgotten the connection says nothing at all, not even that it is gone.
func TestASilentStreamIsNoticedAndReplaced(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	bob.post("heard")
	alice.see(".message__body", "heard")
	kept := alice.keep()
	if n := net.mute(streams); n != 1 {
		t.Fatalf("%d streams are silent, want Alice's", n)
	}
	bob.post("into the void")
	bob.post("and again")
	alice.later()
	alice.see(".message__body", "and again")
	alice.live()
	bob.post("heard again")
	alice.see(".message__body", "heard again")
	alice.reads("heard", "into the void", "and again", "heard again")
	kept()
}

func TestSleepAndWake(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	bob.post("good night")
	alice.see(".message__body", "good night")
	kept := alice.keep()

	// The lid closes: the page stands still and its connections rot.
	call(alice, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: page.SetWebLifecycleStateStateFrozen})
	alice.online(false)
	net.mute(everything)
	for i := range 5 {
		bob.post(fmt.Sprintf("dream %d", i))
	}
	alice.online(true)
	call(alice, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: page.SetWebLifecycleStateStateActive})
	alice.later()
	alice.see(".message__body", "dream 4")
	alice.live()
	bob.post("good morning")
	alice.see(".message__body", "good morning")
	alice.reads("good night", "dream 0", "dream 1", "dream 2", "dream 3", "dream 4", "good morning")
	kept()
}

// Chromium keeps no page with a stream in its memory, other browsers may. What they do on the way back is told here by
// hand: the stream is gone without a word, and nobody waits for the watchdog.
func TestAPageFromTheBrowsersMemoryIsLiveAtOnce(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	net.mute(streams)
	bob.post("meanwhile")
	eval[any](alice, `dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))`)
	alice.see(".message__body", "meanwhile")
	alice.live()
	alice.reads("meanwhile")
}
