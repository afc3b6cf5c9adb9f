package cluster

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"letstalk/store"
)

func TestBurstOfHintsCausesFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var committed []store.Seq
		var ended, connected int
		b := &Bus{in: newPile(), cfg: BusConfig{Hints: Hints{
			Committed:  func(s store.Seq) { committed = append(committed, s) },
			LoginEnded: func(store.LoginID) { ended++ },
			Connected:  func() { connected++ },
			Beaten:     func() {},
		}}}
		ctx, cancel := context.WithCancel(t.Context())
		go b.hear(ctx)
		b.in.committed(1)
		synctest.Wait()
		if !slices.Equal(committed, []store.Seq{1}) {
			t.Errorf("the first hint waits: %d", committed)
		}
		for i := range store.Seq(1000) {
			b.in.committed(i)
			b.in.loginEnded(7)
			synctest.Wait()
		}
		time.Sleep(breath)
		synctest.Wait()
		if !slices.Equal(committed, []store.Seq{1, 999}) || ended != 1 || connected != 0 {
			t.Errorf("the calls are %d, %d times a login, %d times connected", committed, ended, connected)
		}
		for i := range store.LoginID(2 * maxEnded) {
			b.in.loginEnded(i)
		}
		time.Sleep(breath)
		synctest.Wait()
		if ended != 1+maxEnded || connected != 1 {
			t.Errorf("of many logins %d are told, connected %d times", ended-1, connected)
		}
		cancel()
	})
}

func TestNumberThatNobodyMeantHidesNoneAfterIt(t *testing.T) {
	p := newPile()
	p.committed(1 << 62)
	if got := p.take().committed; got != 1<<62 {
		t.Errorf("took %d", got)
	}
	p.committed(5)
	if got := p.take().committed; got != 5 {
		t.Errorf("took %d, want 5", got)
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "9223372036854775807": 1<<63 - 1,
		"": 0, "0": 0, "-1": 0, "1.5": 0, "1e3": 0, "0x10": 0, " 1": 0, "1\n": 0, "one": 0, "\xff": 0, "1_000": 0,
		"9223372036854775808": 0, "00000000000000000001": 0,
	} {
		if got, ok := readNumber([]byte(text)); ok != (want > 0) || ok && got != want {
			t.Errorf("%q is read as %d, %v", text, got, ok)
		}
	}
}

func TestConnectionsThatDoNotLastAreTriedLessAndLess(t *testing.T) {
	var r rests
	for i, c := range []struct{ lasted, want time.Duration }{
		{time.Hour, retry}, {time.Second, retry}, {time.Second, 2 * retry}, {0, 4 * retry}, {0, 8 * retry}, {0, 16 * retry}, {0, 16 * retry},
		{lasting, retry}, {0, retry},
	} {
		if got := r.after(c.lasted); got != c.want {
			t.Errorf("%d: after %v it waits %v, want %v", i, c.lasted, got, c.want)
		}
	}
}
