package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestTwelveTabsOfOneBrowserAllWork(t *testing.T) {
	story(t)
	s := start(t)
	tabs := []*person{s.visitor("alice", true).signIn("alice", "/chat/General").live()}
	for i := range 11 {
		tab := tabs[0].tab()
		tab.name = fmt.Sprintf("alice's tab %d", i+2)
		tab.open("/chat/General")
		tab.live()
		tabs = append(tabs, tab)
	}
	bob := s.caller("bob")
	bob.post("to the tab in front")
	tabs[11].see(".message__body", "to the tab in front")
	// One of the hidden ones stays connected; the others catch up when they are looked at.
	holder := -1
	for i, tab := range tabs[:11] {
		if eval[int](tab, `navigator.locks.query().then((l) => l.held.filter((x) => x.name === "letstalk background").length)`) != 1 {
			t.Errorf("%d hidden tabs keep their stream, want one", i)
		}
		if eval[bool](tab, `Boolean(document.getElementById("stream")._htmx.sse)`) {
			if holder >= 0 {
				t.Errorf("tabs %d and %d are hidden and connected", holder+1, i+1)
			}
			holder = i
		}
	}
	if holder < 0 {
		t.Fatal("no hidden tab is connected")
	}
	// It counts what nobody has seen there, until somebody looks.
	tabs[holder].title("(1) General · Let's Talk")
	bob.post("and another")
	tabs[holder].title("(2) General · Let's Talk")
	tabs[11].see(".message__body", "and another")
	tabs[11].title("General · Let's Talk")
	for i, tab := range []*person{tabs[holder], tabs[3], tabs[8]} {
		tab.front()
		tab.live()
		tab.title("General · Let's Talk")
		tab.see(".message__body", "to the tab in front")
		text := fmt.Sprintf("after change %d", i)
		bob.post(text)
		tab.see(".message__body", text)
	}
	tabs[8].reads("to the tab in front", "and another", "after change 0", "after change 1", "after change 2")
}

func TestComingBackToAPage(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	bob := s.caller("bob")
	alice.say("one")
	alice.see(".message__body", "one")
	alice.cleared()
	alice.open("/dashboard")
	alice.live()
	bob.post("while she was on another page")
	alice.do(chromedp.NavigateBack())
	alice.see(".message__body", "while she was on another page")
	alice.live()
	alice.say("two")
	alice.see(".message__body", "two")
	alice.reads("one", "while she was on another page", "two")

	// Out of sight, not out of mind: whether its stream went on or not.
	other, third := alice.tab(), alice.tab()
	other.open("/chat/General")
	third.open("/chat/Music")
	third.live()
	bob.post("behind her back")
	for _, tab := range []*person{alice, other} {
		tab.front()
		tab.see(".message__body", "behind her back")
		tab.live()
		tab.reads("one", "while she was on another page", "two", "behind her back")
	}
}

// HTTP/2 has one connection for all tabs, so that nobody has to let go.
func TestOnHTTP2EveryTabStaysLive(t *testing.T) {
	story(t)
	s := startBehindTLS(t)
	tabs := []*person{s.visitor("alice", true).signIn("alice", "/chat/General").live()}
	for range 3 {
		tab := tabs[0].tab()
		tab.open("/chat/General")
		tab.live()
		tabs = append(tabs, tab)
	}
	if protocol := eval[string](tabs[0], `performance.getEntriesByType("navigation")[0].nextHopProtocol`); protocol != "h2" {
		t.Fatalf("the browser speaks %s", protocol)
	}
	for _, words := range []string{"one", "two"} {
		tabs[3].say(words)
	}
	tabs[3].see(".message__body", "two")
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	bob.say("three")
	for _, tab := range tabs {
		tab.see(".message__body", "three")
		tab.reads("one", "two", "three")
	}
	// One's own words are not counted.
	for _, tab := range tabs[:3] {
		tab.title("(1) General · Let's Talk")
	}
	tabs[3].title("General · Let's Talk")
}

func TestALineTellsWhatIsNewSinceOneLookedAway(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	bob := s.caller("bob")
	bob.post("seen")
	alice.see(".message__body", "seen")
	other := alice.tab()
	other.open("/dashboard")
	bob.post("unseen")
	bob.post("unseen too")
	alice.title("(2) General · Let's Talk")
	alice.front()
	alice.title("General · Let's Talk")
	alice.until("a line above the first", `document.querySelector(".new + .message")?.innerText.includes("unseen")`)
	bob.post("seen again")
	alice.see(".message__body", "seen again")
	if n := eval[int](alice, `document.querySelectorAll(".new").length`); n != 1 {
		t.Errorf("%d lines say what is new", n)
	}
	alice.shot("new-line")
	// Away again: the line moves on.
	other.front()
	bob.post("unseen again")
	alice.title("(1) General · Let's Talk")
	alice.front()
	alice.until("the line above the first", `document.querySelector(".new + .message")?.innerText.includes("unseen again")`)
	// Whoever answers has read.
	alice.say("I see")
	alice.see(".message__body", "I see")
	alice.misses(".new")
}
