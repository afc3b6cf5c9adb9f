package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/google/go-cmp/cmp"
)

func TestTwoPeopleTalk(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	call(alice, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kathmandu"})
	alice.signIn("alice", "/chat/General").live()
	alice.see(".empty", "Nobody has said anything yet")
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()

	// Each sees the other, and nobody is told of their own coming.
	alice.see(".notice", "Bob Brown has entered the chat room.")
	alice.see("#people", "Bob Brown")
	bob.see("#people", "Alice Adams")
	if bob.shows(".notice") {
		t.Error("Bob is told that he came")
	}

	alice.post("Hello Bob")
	bob.see(".message__body", "Hello Bob")
	bob.appears(".day")
	eval[bool](bob, `document.querySelector(".day").stays = true`)
	bob.say("Hello **Alice**")
	alice.see(".message__body strong", "Alice")
	bob.say("How are you?")
	for _, p := range []*person{alice, bob} {
		p.see(".message__body", "How are you?")
		p.reads("Hello Bob", "Hello Alice", "How are you?")
		// Bob's second message continues his first, and one rule says which day it is.
		want := []bool{false, false, true}
		got := eval[[]bool](p, `[...document.querySelectorAll(".message")].map(m => "continued" in m.dataset)`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s sees these continued (-want +got):\n%s", p.name, diff)
		}
		if days := eval[[]string](p, `[...document.querySelectorAll(".day")].map(d => d.innerText)`); len(days) != 1 || days[0] != "Today" {
			t.Errorf("%s sees the days %q, want Today once", p.name, days)
		}
	}
	if !eval[bool](bob, `document.querySelector(".day").stays === true`) {
		t.Error("the day's rule was made anew for a message of the same day")
	}
	if alice.shows(".empty") {
		t.Error("the room still says that nobody has said anything")
	}

	// Alice reads her own time of day.
	sent, err := time.Parse(time.RFC3339Nano, eval[string](alice, `document.querySelector(".message time").dateTime`))
	if err != nil {
		t.Fatal(err)
	}
	alice.see(".message time", sent.In(time.FixedZone("Kathmandu", 5*3600+45*60)).Format("03:04"))

	// A person with two tabs is one person, and has left when both are closed.
	second := bob.tab()
	second.open("/chat/General")
	second.live()
	second.see(".message__body", "How are you?")
	for _, p := range []*person{alice, second} {
		if n := eval[int](p, `[...document.querySelectorAll("#people .person")].filter(e => e.innerText.includes("Bob")).length`); n != 1 {
			t.Errorf("%s sees Bob %d times", p.name, n)
		}
	}
	second.close()
	bob.close()
	alice.see(".notice", "Bob Brown has left the chat room.")
	alice.until("the people without Bob", `!document.getElementById("people").innerText.includes("Bob")`)
	alice.see("#here", "1 here")
}

func TestTheOthersMessagesAreAnnouncedOnce(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	bob := s.caller("bob")
	alice.post("mine")
	bob.post("theirs")
	alice.until("the announcement", `document.getElementById("announcer").textContent === "Bob Brown: theirs"`)
	bob.flood(5, "quick")
	alice.until("the summary", `document.getElementById("announcer").textContent === "5 new messages"`)
}

func TestLoggingOutInOneTabEndsTheOthers(t *testing.T) {
	story(t)
	s := start(t)
	first := s.visitor("alice", true).signIn("alice", "/chat/Music").live()
	// Streams that end and sign-in pages in their place are no errors to a person, but the console tells of the status.
	first.expect("status of 401")
	second := first.tab()
	second.open("/dashboard")
	second.live()
	second.click(".header__out button")
	second.see("h1", "Talk with your team")
	second.see(".header", "Log In")

	first.see("h1", "Please log in")
	first.front()
	first.click("main a.button")
	// The provider has forgotten her too: it does not say who is signed in.
	first.appears("button[name=account][value=alice]")
	if first.shows(".current") {
		t.Error("the provider still knows Alice")
	}
	first.click("button[name=account][value=alice]")
	first.see("h1", "Music")
	first.live()
	if at := eval[string](first, `location.pathname`); at != "/chat/Music" {
		t.Errorf("Alice is at %s after logging in, want where she was", at)
	}
}

func TestTheTalkGoesOnWithoutScripts(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", false)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/chat/General")
	bob := s.caller("bob")

	for i := range 60 {
		bob.post(fmt.Sprintf("old %02d", i))
	}
	alice.post("Hello *Bob*")
	alice.see(".message__body em", "Bob")
	mine := eval[string](alice, `location.hash.slice(1)`)
	alice.appears("#" + mine + ":target")
	bob.post("Hello Alice")
	alice.open("/chat/General")
	alice.see(".message__body", "Hello Alice")
	alice.until("the newest message in view", `(e => e.getBoundingClientRect().bottom < innerHeight)([...document.querySelectorAll(".message")].at(-1))`)
	alice.see("#people", "Alice Adams")
	for _, shown := range []string{".composer__hint noscript", "#people", ".composer__send", "#older a"} {
		if !alice.shows(shown) {
			t.Errorf("%s is not shown", shown)
		}
	}
	for _, hidden := range []string{"#light", ".scripted", "#new-messages", ".flash", ".composer__note", "[data-more=newer]"} {
		if alice.shows(hidden) {
			t.Errorf("%s is shown", hidden)
		}
	}
	// Only her own message offers to be changed; as an administrator she may delete the others.
	if n := eval[int](alice, `[...document.querySelectorAll(".message__actions a[href$=edit]")].filter(e => e.checkVisibility()).length`); n != 1 {
		t.Errorf("%d messages offer to be changed, want Alice's one", n)
	}
	alice.shot("noscript-room")

	alice.do(hover("#" + mine))
	alice.click("#" + mine + " a[href$=edit]")
	alice.see("h1", "Edit your message")
	alice.do(setValue("textarea", "Hello dear Bob"))
	alice.click("main form button")
	alice.see("#"+mine, "Hello dear Bob")
	alice.see("#"+mine+" .message__edited", "edited")
	alice.shot("noscript-permalink")

	alice.open("/chat/General")
	alice.do(hover("#" + mine))
	alice.click("#" + mine + " a[href$=delete]")
	alice.see("h1", "Delete this message?")
	alice.click("main form button")
	alice.see("#"+mine, "This message was deleted.")

	alice.open("/chat/General")
	alice.click("#older a")
	alice.see(".message__body", "old 00")
	alice.see("#older", "This is where the room begins.")
	alice.click("#newer a:last-child")
	alice.see(".message__body", "Hello Alice")

	// What can't be sent is given back with the reason.
	alice.expect("status of 422")
	alice.do(setValue("#body", strings.Repeat("y", 8_001)))
	alice.click(".composer__send")
	alice.appears(".flash")
	if got := len(alice.draft()); got != 8_001 {
		t.Errorf("the draft has %d characters, want all 8001", got)
	}
}
