package e2e

import (
	"fmt"
	"testing"
)

// The first try came through, its answer did not; when the next is answered, the page no longer goes back that far.
func TestALateAnswerLeavesNoHoleAndShowsNothingTwice(t *testing.T) {
	story(t)
	s, net, alice := aliceBehind(t)
	bob := s.caller("bob")
	net.lose(posts)
	alice.say("taken, but nobody told her")
	alice.appears(".outbox__item")
	for i := range 80 {
		bob.post(fmt.Sprintf("message %d", i))
	}
	alice.open("/chat/General")
	alice.appears(".outbox__item")
	net.mend()
	alice.misses(".outbox__item")
	alice.live()
	whole := `(all => all.every((m, i) => i === 0 || Number(m.dataset.seq) === Number(all[i - 1].dataset.seq) + 1))([...document.querySelectorAll(".message")])`
	alice.until("no hole", whole)
	alice.until("older messages", `(document.getElementById("scroll").scrollTop = 0, document.querySelectorAll(".message").length > 80)`)
	alice.until("no hole and nothing twice", whole)
}
