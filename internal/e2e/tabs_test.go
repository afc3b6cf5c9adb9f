package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestEightTabsOfOneBrowserAllWork(t *testing.T) {
	story(t)
	s := start(t)
	tabs := []*person{s.visitor("alice", true).signIn("alice", "/chat/General").live()}
	for i := range 7 {
		tab := tabs[0].tab()
		tab.name = fmt.Sprintf("alice's tab %d", i+2)
		tab.open("/chat/General")
		tab.live()
		tabs = append(tabs, tab)
	}
	bob := s.caller("bob")
	bob.post("to the tab in front")
	tabs[7].see(".message__body", "to the tab in front")
	// One of the hidden ones stays connected; the others catch up when they are looked at.
	holder := -1
	for i, tab := range tabs[:7] {
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
	for i, tab := range []*person{tabs[3], tabs[0], tabs[6]} {
		tab.front()
		tab.live()
		tab.see(".message__body", "to the tab in front")
		text := fmt.Sprintf("after change %d", i)
		bob.post(text)
		tab.see(".message__body", text)
	}
	tabs[6].reads("to the tab in front", "after change 0", "after change 1", "after change 2")
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
