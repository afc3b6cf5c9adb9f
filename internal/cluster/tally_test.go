package cluster

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/httprate"
)

// limited counts how many of n requests under a key a limiter lets through.
func limited(l *httprate.RateLimiter, key string, n int) (passed int) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	for range n {
		if !l.OnLimit(httptest.NewRecorder(), r, key) {
			passed++
		}
	}
	return passed
}

// tell has one tally's news reach another's.
func tell(t *testing.T, from *Tally, node string, to *Tally) (told bool) {
	t.Helper()
	text, changed := from.news(time.Now())
	if changed {
		if err := to.hear(node, text); err != nil {
			t.Fatal(err)
		}
	}
	return changed
}

func TestLimitHoldsForAllNodesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := NewTally(10), NewTally(10)
		limits := map[*Tally]*httprate.RateLimiter{}
		for _, tally := range []*Tally{one, two} {
			limits[tally] = httprate.NewRateLimiter(120, time.Minute, httprate.WithLimitCounter(tally))
		}
		if n := limited(limits[one], "alice", 100); n != 100 {
			t.Fatalf("%d of 100 on the first", n)
		}
		tell(t, one, "one", two)
		if n := limited(limits[two], "alice", 100); n != 20 {
			t.Errorf("%d more on the second, want 20", n)
		}
		tell(t, two, "two", one)
		if n := limited(limits[one], "alice", 100); n != 0 {
			t.Errorf("%d more on the first, want none", n)
		}
		if n := limited(limits[two], "bob", 100); n != 100 {
			t.Errorf("%d of somebody else's 100", n)
		}

		time.Sleep(3 * time.Minute) // in the bubble
		tell(t, one, "one", two)
		tell(t, two, "two", one)
		if n := limited(limits[one], "alice", 200); n != 120 {
			t.Errorf("%d of 200 later, want 120", n)
		}
	})
}

func TestNodeThatIsGoneCountsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := NewTally(10), NewTally(10)
		limit := httprate.NewRateLimiter(120, time.Minute, httprate.WithLimitCounter(one))
		there := httprate.NewRateLimiter(120, time.Minute, httprate.WithLimitCounter(two))
		limited(there, "alice", 120)
		tell(t, two, "two", one)
		if n := limited(limit, "alice", 1); n != 0 {
			t.Error("the other's count does not count")
		}
		one.forget("two")
		if n := limited(limit, "alice", 1); n != 1 {
			t.Error("the count of a node that is gone still counts")
		}
	})
}

func TestTallyTellsOnlyWhatIsNewAndMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := NewTally(10), NewTally(10)
		limit := httprate.NewRateLimiter(120, time.Minute, httprate.WithLimitCounter(one))
		limited(limit, "alice", 9)
		if tell(t, one, "one", two) {
			t.Error("it tells of few")
		}
		limited(limit, "alice", 1)
		if !tell(t, one, "one", two) || tell(t, one, "one", two) {
			t.Error("it does not tell of many, once")
		}
		one.retell()
		if !tell(t, one, "one", two) {
			t.Error("it does not tell again when it should")
		}
		if err := two.hear("one", `{"alice":`); err == nil {
			t.Error("it takes garbage")
		}
		time.Sleep(5 * time.Minute)
		if !tell(t, one, "one", two) || len(two.elsewhere["one"]) != 0 {
			t.Errorf("later it does not take it back: %v", two.elsewhere)
		}
	})
}
