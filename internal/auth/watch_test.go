package auth_test

import (
	"errors"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

func TestWatchTellsOfLoginsThatEndedElsewhere(t *testing.T) {
	s, r := openRogue(t)
	b, other, third := s.browser(), s.browser(), s.browser()
	for _, each := range []*browser{b, other, third} {
		r.signIn(each, r.sign)
	}
	here, elsewhere, old := s.login(b), s.login(other), s.login(third)
	told := make(chan store.LoginID, 8)
	watching := s.restart(func(c *auth.Config) { c.Idle = 24 * time.Hour })
	watching.onEnd = func(id store.LoginID) { told <- id }
	done := make(chan struct{})
	ctx, stop := contextWithStop(t)
	go func() { defer close(done); watching.auth.Watch(ctx) }()
	next := func() store.LoginID {
		select {
		case id := <-told:
			return id
		case <-time.After(time.Minute):
			t.Fatal("nobody was told")
			return 0
		}
	}
	// Straight into the store, as another process does.
	if err := s.store.EndLogin(t.Context(), elsewhere.ID, store.Ending{Cause: store.EndedByAdmin}); err != nil {
		t.Fatal(err)
	}
	want(t, "ended elsewhere", next(), elsewhere.ID)

	s.clock.move(23 * time.Hour)
	want(t, "viewer who was here", b.me(), "Ada") // and is seen
	s.clock.move(2 * time.Hour)
	want(t, "unused for a day", next(), old.ID)
	want(t, "who was seen since", s.login(b).ID, here.ID)
	want(t, "cause", s.trail(store.AuditSignedOut)[0].Detail, string(store.Idle))
	s.clock.move(7 * 24 * time.Hour)
	want(t, "too old", next(), here.ID)
	stop()
	<-done
}

func TestUseHasALoginRechecked(t *testing.T) {
	s, r, b, login := refreshing(t)
	r.refreshed(claimSet{"name": "Ada L."})
	ctx, stop := contextWithStop(t)
	done := make(chan struct{})
	go func() { defer close(done); s.auth.Watch(ctx) }()
	b.me()
	deadline := time.After(time.Minute)
	for s.login(b).User.Identity.Name != "Ada L." {
		select {
		case <-deadline:
			t.Fatal("the login was not re-checked")
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	<-done
	want(t, "login", s.login(b).ID, login.ID)
	if errors.Is(s.lastError(), auth.ErrProviderDown) {
		t.Error(s.lastError())
	}
}
