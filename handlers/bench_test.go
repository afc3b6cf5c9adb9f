package handlers_test

import (
	"fmt"
	"testing"

	"letstalk/store"
)

func BenchmarkRoomPage(b *testing.B) {
	s := open(b, setup{hub: slow})
	alice := s.signIn("alice")
	room := s.roomID(alice.id, "General")
	for i := range 60 {
		_, err := s.store.CreateMessage(b.Context(), alice.id, room, store.Draft{
			Body: fmt.Sprint("The **release** is out, see https://example.org/notes and run `make test` first. ", i), Nonce: fmt.Sprint(i)})
		must(b, err)
	}
	for name, headers := range map[string][]string{"plain": nil, "compressed": {"Accept-Encoding", "gzip"}} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				size = len(alice.get("/chat/General", headers...).body)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
