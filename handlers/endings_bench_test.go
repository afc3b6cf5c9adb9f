package handlers_test

import (
	"slices"
	"testing"
	"time"

	"letstalk/store"
)

// BenchmarkStreamEnds measures how long it takes from what ends a login to the end of its streams, at the node where it
// happens and at another one that shares the database and nothing else. Run it with -benchtime 100x.
func BenchmarkStreamEnds(b *testing.B) {
	for _, w := range append(slices.Clone(ways), age) {
		b.Run(w.name, func(b *testing.B) {
			s := open(b, setup{hub: unhurried})
			node := open(b, setup{hub: unhurried, beside: s})
			admin := s.signInAdmin()
			var here, there []time.Duration
			for range b.N {
				alice := s.signIn("alice")
				login := s.loginOf(alice)
				streams := []*stream{alice.listen(events), alice.at(node).listen(events)}
				ends := make([]chan time.Time, len(streams))
				for i, stream := range streams {
					stream.hello()
					ends[i] = make(chan time.Time, 1)
					go func() {
						stream.saysGoodbye("auth")
						ends[i] <- time.Now()
					}()
				}
				end := w.prepare(b, s, alice, admin, login)
				start := time.Now()
				end()
				here = append(here, (<-ends[0]).Sub(start))
				there = append(there, (<-ends[1]).Sub(start))
				_, err := s.store.EndUserLogins(b.Context(), store.Operator, alice.id, 0, store.Ending{Cause: store.EndedByAdmin})
				must(b, err)
				_, err = s.store.SetUserActive(b.Context(), store.Operator, alice.id, true)
				must(b, err)
				s.idp.Enable("alice")
			}
			for name, times := range map[string][]time.Duration{"here": here, "there": there} {
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-median-"+name)
				b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "ms-max-"+name)
			}
		})
	}
}
