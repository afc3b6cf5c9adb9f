package auth

import (
	"testing"
	"time"

	"letstalk/store"
)

func TestRequestsOfOnePageMakeOneTouch(t *testing.T) {
	touches := newTouches(0)
	now := time.Now()
	seen := now.Add(-time.Hour) // as all of them read it before the first has written
	for i, want := range []bool{true, false, false} {
		if got := touches.due(1, seen, now); got != want {
			t.Errorf("request %d: due %v", i, got)
		}
	}
	if !touches.due(2, seen, now) {
		t.Error("another login is not due")
	}
	if !touches.due(1, seen, now.Add(time.Minute)) {
		t.Error("a minute later it is not due")
	}
}

func TestTouchesAreForgotten(t *testing.T) {
	touches := newTouches(0)
	now := time.Now()
	for id := range 1000 {
		touches.due(store.LoginID(id), time.Time{}, now)
		now = now.Add(time.Second)
	}
	if n := len(touches.last); n > 121 {
		t.Errorf("%d logins are remembered", n)
	}
}

func TestShortIdleLimitTouchesInTime(t *testing.T) {
	touches := newTouches(time.Minute)
	now := time.Now()
	if !touches.due(1, now.Add(-15*time.Second), now) {
		t.Error("a quarter of the limit has passed and nothing is due")
	}
}
