package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestWordsWrittenOfflineWaitAndGoOutInOrderOnce(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	net.cut(everything)
	alice.state("reconnecting")
	var want []string
	for i := range 3 {
		want = append(want, fmt.Sprintf("thought %d", i))
		alice.say(want[i])
		alice.waits(want[i], "Waiting to be sent")
	}
	if got := eval[string](alice, `[...document.querySelectorAll(".outbox__words")].map((e) => e.innerText).join()`); got != strings.Join(want, ",") {
		t.Errorf("%q wait in this order", got)
	}
	alice.write("and half a th")
	for _, width := range []int64{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			alice.screen(width, 900, scheme)
			alice.shot(fmt.Sprintf("waiting-%d-%s", width, scheme))
		}
	}
	bob.post("meanwhile")
	net.mend()
	alice.live()
	alice.see(".message__body", "thought 2")
	alice.misses(".outbox__item")
	alice.reads(append([]string{"meanwhile"}, want...)...)
	if alice.draft() != "and half a th" {
		t.Errorf("the draft is %q", alice.draft())
	}
}

func TestWordsThatWaitSurviveAReloadAndAreTheirWritersAlone(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	net.lose(posts)
	alice.say("has arrived, but she does not know")
	alice.waits("has arrived, but she does not know", "Not sent yet")
	net.cut(posts)
	alice.say("has not")
	alice.write("begun")
	alice.open("/chat/Music")
	alice.live()
	alice.misses(".outbox__item")
	alice.open("/chat/General")
	alice.live()
	alice.waits("has not", "Waiting to be sent")
	if alice.draft() != "begun" {
		t.Errorf("the draft is %q", alice.draft())
	}

	// Bob signs in at the same browser.
	net.mend()
	net.lose(func(r *http.Request) bool { return posts(r) && strings.HasSuffix(r.URL.Path, "/messages") })
	alice.click(".header__out button")
	alice.see("h1", "Talk with your team")
	alice.signIn("bob", "/chat/General").live()
	alice.see(".message__body", "has arrived")
	alice.misses(".outbox__item")
	if alice.draft() != "" {
		t.Errorf("Bob finds %q in the composer", alice.draft())
	}
	net.mend()
	alice.say("I am Bob")
	alice.see(".message__body", "I am Bob")
	alice.click(".header__out button")
	alice.see("h1", "Talk with your team")

	// What waits in General goes out from any room.
	alice.signIn("alice", "/chat/Sports").live()
	carol := s.visitor("carol", true).signIn("carol", "/chat/General")
	carol.see(".message__body", "has not")
	carol.open("/chat/General")
	carol.until("each once", `document.querySelectorAll(".message").length === 3`)
	carol.reads("has arrived, but she does not know", "I am Bob", "has not")
	alice.misses(".message")
}

func TestWordsSentAfterTheSessionEndedGoOutAfterTheNextSignIn(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)
	alice.expect("status of 401")
	net.cut(streams)
	alice.state("reconnecting")
	other := alice.tab()
	other.expectCuts()
	other.open("/dashboard")
	other.click(".header__out button")
	other.see("h1", "Talk with your team")
	alice.front()
	alice.say("too late?")
	alice.see("h1", "Please log in")
	net.mend()
	alice.signIn("alice", "/chat/General").live()
	alice.see(".message__body", "too late?")
	alice.misses(".outbox__item")
	alice.reads("too late?")
}

// A message under way when the network forgets the connection is sent again over the next, without waiting for the old.
func TestAMessageStuckOnALostConnectionIsSentOverTheNext(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)
	var once sync.Once
	release := net.hold(func(r *http.Request) (first bool) {
		if posts(r) {
			once.Do(func() { first = true })
		}
		return first
	})
	defer release()
	alice.say("stuck")
	alice.waits("stuck", "Sending…")
	net.cut(streams)
	alice.waits("stuck", "Waiting to be sent")
	net.mend()
	alice.live()
	alice.see(".message__body", "stuck")
	alice.misses(".outbox__item")
	alice.reads("stuck")
}

func TestTwoTabsSendWhatWaitsOnce(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	net.cut(everything)
	alice.state("reconnecting")
	alice.say("one")
	alice.say("two")
	alice.waits("two", "Waiting to be sent")
	net.mend()
	release := net.hold(posts)
	alice.live()
	other := alice.tab()
	other.expectCuts()
	other.open("/chat/General")
	other.live()
	other.waits("two", "Sending…")
	other.say("three")
	other.waits("three", "Sending…")
	release()
	for _, tab := range []*person{other, alice} {
		tab.front()
		tab.see(".message__body", "three")
		tab.misses(".outbox__item")
		tab.reads("one", "two", "three")
	}
	carol := s.visitor("carol", true).signIn("carol", "/chat/General")
	carol.reads("one", "two", "three")
}

func TestRefusedWordsComeBackWithoutLosingOthers(t *testing.T) {
	story(t)
	s, net := startBehind(t)
	alice := s.visitor("alice", true)
	alice.expect("status of 422")
	alice.signIn("alice", "/chat/General").live()
	long := strings.Repeat("x", 8_001)
	release := net.hold(posts)
	alice.do(chromedp.SetValue(chromedp.ID("body"), long))
	alice.enter(0)
	alice.cleared()
	alice.say("short")
	alice.write("other words")
	release()
	alice.see(".message__body", "short")
	alice.see(".flash", "8,000")
	alice.waits(long, "This was not taken")
	if alice.draft() != "other words" {
		t.Errorf("the draft is %q", alice.draft())
	}
	alice.shot("refused")
	// Once those are gone, trying again gives the long ones back.
	alice.enter(0)
	alice.see(".message__body", "other words")
	alice.act(long, "Try again")
	alice.see(".flash", "8,000")
	if alice.draft() != long {
		t.Errorf("%d characters are left of the draft", len(alice.draft()))
	}
	alice.misses(".outbox__item")
	alice.reads("short", "other words")
}

func TestWithoutRoomToKeepWordsTheyAreSentAsAForm(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	alice.write("no room left")
	eval[any](alice, `(() => {
		for (let n = 1 << 20; n > 0; n >>= 1) try { for (;;) localStorage["fill" + n + Math.random()] = "x".repeat(n); } catch { /* less then */ }
	})()`)
	eval[any](alice, `window.before = true`)
	alice.enter(0)
	alice.until("the page of the answer", `!window.before`)
	alice.see(".message__body", "no room left")
	alice.live()
	alice.reads("no room left")
	alice.cleared()
}

// The log-in page of a hotel's network answers everything with 200.
func TestAnAnswerThatIsNotTheServersTakesNoWords(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)
	net.answer(posts, `<!DOCTYPE html><title>Welcome to our hotel</title><p id="flash" hx-swap-oob="true">Room 7</p>`)
	alice.say("hello?")
	alice.waits("hello?", "Not sent yet: the server can't be reached")
	if eval[bool](alice, `document.body.innerText.includes("Room 7")`) {
		t.Error("the answer came into the page")
	}
	net.mend()
	alice.act("hello?", "Try again")
	alice.see(".message__body", "hello?")
	alice.misses(".outbox__item")
	alice.reads("hello?")
}
