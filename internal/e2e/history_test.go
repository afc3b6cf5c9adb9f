package e2e

import (
	"fmt"
	"testing"
)

// held is how many messages a page may hold while somebody reads back.
const held = 350

// increasing says that the page's messages are in order, each once.
const increasing = `[...document.querySelectorAll(".message")].every((m, i, all) => i === 0 || Number(all[i - 1].dataset.seq) < Number(m.dataset.seq))`

func (p *person) messages() int {
	p.t.Helper()
	return eval[int](p, `document.querySelectorAll(".message").length`)
}

func (p *person) atEnd() bool {
	p.t.Helper()
	return eval[bool](p, `(s => s.scrollHeight - s.scrollTop - s.clientHeight < 2)(document.getElementById("scroll"))`)
}

func TestALongHistoryIsReadInPieces(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.caller("bob")
	first := bob.post("the very first")
	bob.flood(420, "message")
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	if n := alice.messages(); n != 50 {
		t.Errorf("the page opens with %d messages, want 50", n)
	}
	if !alice.atEnd() {
		t.Error("the page does not open at the end")
	}

	// Older messages come in above without moving what is read.
	eval[any](alice, `(() => {
		const s = document.getElementById("scroll");
		s.scrollTop = 120;
		window.read = [...document.querySelectorAll(".message")].find((m) => m.getBoundingClientRect().top > s.getBoundingClientRect().top);
		window.at = read.getBoundingClientRect().top;
	})()`)
	alice.until("older messages", `document.querySelectorAll(".message").length === 100`)
	if by := eval[float64](alice, `read.getBoundingClientRect().top - at`); by < -1 || by > 1 {
		t.Errorf("what Alice reads has moved by %v pixels", by)
	}
	most := 0
	for !eval[bool](alice, fmt.Sprintf(`Boolean(document.getElementById("m-%s"))`, first)) {
		seen := eval[string](alice, `(document.getElementById("scroll").scrollTop = 0, document.querySelector(".message").id)`)
		alice.until("more", fmt.Sprintf(`document.querySelector(".message").id !== %q`, seen))
		most = max(most, alice.messages())
	}
	if most > held {
		t.Errorf("the page held %d messages, want at most %d", most, held)
	}
	alice.see("#older", "This is where the room begins.")
	alice.until("everything in order", increasing)

	// The end is no longer in the page, so what is new does not appear below; what has changed does.
	alice.appears("#history")
	live := bob.post("a live one")
	bob.edit(first, "the very first, edited")
	alice.see("#m-"+first, "the very first, edited")
	alice.misses("#m-" + live)
	alice.see("#new-messages", "Jump to the newest")
	alice.shot("history")
	alice.click("#new-messages")
	alice.see(".message__body", "a live one")
	alice.live()
	bob.post("and another")
	alice.see(".message__body", "and another")
	if !alice.atEnd() {
		t.Error("the newest is not in view")
	}
	alice.until("everything in order", increasing)
}

func TestThePageFollowsTheEndOnlyForThoseWhoAreThere(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.caller("bob")
	bob.flood(60, "message")
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	up := func(pixels int) {
		eval[any](alice, fmt.Sprintf(`(s => { s.scrollTop = s.scrollHeight - s.clientHeight - %d; })(document.getElementById("scroll"))`, pixels))
		// The page learns of it with the next frame.
		eval[any](alice, `new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame)).then(() => 0)`)
	}
	arrives := func(text string) {
		bob.post(text)
		alice.until("the message "+text, fmt.Sprintf(`[...document.querySelectorAll(".message__body")].some(e => e.textContent.includes(%q))`, text))
	}
	arrives("at the end")
	alice.until("the end", `(s => s.scrollHeight - s.scrollTop - s.clientHeight < 2)(document.getElementById("scroll"))`)
	up(80)
	arrives("nearly at the end")
	if !alice.atEnd() {
		t.Error("80 pixels from the end the page does not follow")
	}
	up(300)
	arrives("far from the end")
	alice.see("#new-messages", "New messages")
	if alice.atEnd() {
		t.Error("300 pixels from the end the page follows")
	}
	alice.shot("new-messages")
	alice.click("#new-messages")
	if !alice.atEnd() || alice.shows("#new-messages") {
		t.Error("the button does not lead to the end")
	}
	up(300)
	alice.say("mine")
	alice.see(".message__body", "mine")
	alice.until("the end", `(s => s.scrollHeight - s.scrollTop - s.clientHeight < 2)(document.getElementById("scroll"))`)
}

func TestAPageThatStaysOpenStaysShort(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	bob := s.caller("bob")
	bob.flood(330, "message")
	last := bob.post("the last")
	alice.appears("#m-" + last)
	alice.until("at most 300 messages", `document.querySelectorAll(".message").length <= 300`)
	alice.until("the end", `(s => s.scrollHeight - s.scrollTop - s.clientHeight < 2)(document.getElementById("scroll"))`)
	// What was trimmed comes back when she goes there.
	alice.appears("#older a[data-more]")
	seen := eval[string](alice, `(document.getElementById("scroll").scrollTop = 0, document.querySelector(".message").id)`)
	alice.until("older messages", fmt.Sprintf(`document.querySelector(".message").id !== %q`, seen))
	alice.until("everything in order", increasing)
	alice.appears("#m-" + last)
}

func TestAPermalinkLeadsToTheMessageAndOnToTheEnd(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.caller("bob")
	bob.flood(100, "before")
	id := bob.post("the one")
	bob.flood(400, "after")
	alice := s.visitor("alice", true).signIn("alice", "/chat/General/messages/"+id).live()
	alice.appears("#m-" + id + "[data-anchor]")
	if !eval[bool](alice, fmt.Sprintf(`(r => r.top > 0 && r.bottom < innerHeight)(document.getElementById("m-%s").getBoundingClientRect())`, id)) {
		t.Error("the message is not in view")
	}
	alice.shot("permalink")
	// While she walks, Bob goes on.
	stop, done := make(chan struct{}), make(chan string)
	go func() {
		last := ""
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- last
				return
			default:
				last = bob.post(fmt.Sprintf("meanwhile %d", i))
			}
			if i >= 300 {
				<-stop
				done <- last
				return
			}
		}
	}()
	alice.walk()
	close(stop)
	last := <-done
	alice.appears("#m-" + last)
	alice.until("no hole and no double", `(() => {
		const seqs = [...document.querySelectorAll("#messages .message")].map((m) => Number(m.dataset.seq));
		return seqs.length > 0 && seqs.every((n, i) => i === 0 || n === seqs[i - 1] + 1);
	})()`)
	if n := alice.messages(); n > held {
		t.Errorf("the page holds %d messages", n)
	}
	bob.post("live again")
	alice.see(".message__body", "live again")
}
