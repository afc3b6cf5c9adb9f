package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTwoPeopleTalk(t *testing.T) {
	s := start(t)
	alice := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	alice.see(".notice", "Bob Brown has entered the chat room.")
	alice.see("#people", "Bob Brown")
	bob.see("#people", "Alice Adams")

	alice.post("Hello Bob")
	bob.see(".message__body", "Hello Bob")
	bob.write("Hello **Alice**\r")
	alice.see(".message__body strong", "Alice")
	want := []string{"Hello Bob", "Hello Alice"}
	for _, p := range []*person{alice, bob} {
		if diff := cmp.Diff(want, p.bodies()); diff != "" {
			t.Errorf("%s reads (-want +got):\n%s", p.name, diff)
		}
	}
	bob.shot("two-people")
}
