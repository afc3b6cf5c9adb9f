package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestACutStreamLosesNothingAndDoublesNothing(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	kept := bob.post("kept")
	edited := bob.post("to be edited")
	removed := bob.post("to be deleted")
	alice.see(".message__body", "to be deleted")

	net.cut(streams)
	alice.state("reconnecting")
	bob.post("while Alice was cut")
	bob.edit(edited, "edited meanwhile")
	bob.remove(removed)
	alice.post("from the dark")
	alice.see(".message__body", "from the dark")
	alice.see(".composer__note", "No connection at the moment.")
	net.mend()
	alice.live()
	want := []string{"kept", "edited meanwhile", "while Alice was cut", "from the dark"}
	alice.see(".message__body", "while Alice was cut")
	alice.reads(want...)
	alice.see("#m-"+removed, "This message was deleted.")
	alice.see("#m-"+edited, "edited")

	// The same with the whole server gone and come again.
	net.cut(everything)
	alice.state("reconnecting")
	bob.post("before the restart")
	bob.edit(kept, "kept, but changed")
	s.restart()
	bob.post("after the restart")
	net.mend()
	alice.see(".message__body", "after the restart")
	alice.live()
	alice.reads("kept, but changed", "edited meanwhile", "while Alice was cut", "from the dark", "before the restart", "after the restart")
}

func TestARestartIsGotOverWithoutAHand(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	alice.expectCuts()
	alice.signIn("alice", "/chat/General").live()
	alice.post("before")
	alice.see(".message__body", "before")
	s.stop()
	alice.state("reconnecting")
	alice.say("while it is away")
	alice.waits("while it is away", "Waiting to be sent")
	s.run()
	alice.live()
	alice.see(".message__body", "while it is away")
	alice.misses(".outbox__item")
	alice.reads("before", "while it is away")
	alice.open("/chat/General")
	alice.live()
	alice.reads("before", "while it is away")
}

func TestACrashLosesNothingThatWasTaken(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	alice.expectCuts()
	alice.signIn("alice", "/chat/General").live()
	bob := s.caller("bob")
	var want []string
	for i := range 3 {
		for j := range 10 {
			want = append(want, fmt.Sprintf("message %d.%d", i, j))
			bob.post(want[len(want)-1])
		}
		s.crash()
	}
	alice.see(".message__body", want[len(want)-1])
	alice.live()
	alice.reads(want...)
	alice.open("/chat/General")
	alice.reads(want...)
}

func TestOfflineIsSaidAndGotOver(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)

	alice.online(false)
	net.cut(everything)
	alice.state("offline")
	alice.see("#light", "Offline")
	alice.see(".composer__note", "what you send waits here")
	alice.post("from the train")
	alice.waits("from the train", "Waiting to be sent")
	alice.cleared()
	alice.shot("offline")
	net.mend()
	alice.online(true)
	alice.live()
	alice.see(".message__body", "from the train")
	alice.misses(".outbox__item")
	alice.reads("from the train")
}

func TestAFirstConnectThatFailsIsTriedAgain(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	net.cut(streams)
	alice.open("/chat/General")
	alice.state("reconnecting")
	s.caller("bob").post("before the first connect")
	net.mend()
	alice.live()
	alice.see(".message__body", "before the first connect")
	alice.reads("before the first connect")
}

func TestAPageTooFarBehindLoadsItselfAnewInPlace(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	var ids []string
	for i := range 80 {
		ids = append(ids, bob.post(fmt.Sprintf("message %d", i)))
	}
	alice.post("mine")
	alice.see(".message__body", "mine")
	alice.cleared()

	// She reads back, and has an editor open and a draft.
	reading := ids[60]
	alice.press(kb.ArrowUp)
	alice.appears(".editor textarea")
	alice.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), ", half changed"))
	alice.write("a draft")
	alice.until("the message she reads in its place", fmt.Sprintf(`(() => {
		const s = document.getElementById("scroll"), m = document.getElementById("m-%s");
		s.scrollTop += m.getBoundingClientRect().top - s.getBoundingClientRect().top - 40;
		return document.querySelectorAll(".message").length >= 81;
	})()`, reading))
	top := func() float64 {
		return eval[float64](alice, fmt.Sprintf(`document.getElementById("m-%s").getBoundingClientRect().top`, reading))
	}
	was := top()
	stream := `document.getElementById("stream").setAttribute("data-old", "")`
	eval[any](alice, stream)

	net.cut(streams)
	alice.state("reconnecting")
	bob.flood(310, "missed")
	net.mend()
	alice.misses("#stream[data-old]")
	alice.live()
	if is := top(); is < was-1 || is > was+1 {
		t.Errorf("what Alice reads has moved from %v to %v", was, is)
	}
	if alice.draft() != "a draft" {
		t.Errorf("the draft is %q", alice.draft())
	}
	if text := eval[string](alice, `document.querySelector(".message + .editor textarea")?.value`); text != "mine, half changed" {
		t.Errorf("the editor has %q", text)
	}
	alice.click(".editor [data-close]")
	// From there she walks to the end and misses nothing.
	alice.walk()
	alice.until("every number once", `(() => {
		const seqs = [...document.querySelectorAll(".message")].map((m) => Number(m.dataset.seq));
		return seqs.every((n, i) => i === 0 || n === seqs[i - 1] + 1);
	})()`)
	bob.post("and on")
	alice.see(".message__body", "and on")
}

func TestAFrameThatCantBeShownLoadsThePaneAnew(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true)
	alice.expect("htmx:sse:error")
	alice.signIn("alice", "/chat/General").live()
	bob := s.caller("bob")
	bob.post("one")
	alice.see(".message__body", "one")
	eval[any](alice, `(() => {
		const swap = htmx.swap.bind(htmx);
		htmx.swap = (ctx) => { htmx.swap = swap; throw new Error("a bad frame"); };
	})()`)
	bob.post("two")
	alice.see(".message__body", "two")
	bob.post("three")
	alice.see(".message__body", "three")
	alice.live()
	alice.reads("one", "two", "three")
}
