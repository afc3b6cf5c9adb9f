package views

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/store"
)

func TestHowLongAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "less than a minute ago", 0: "less than a minute ago", 59 * time.Second: "less than a minute ago",
		time.Minute: "1 minute ago", 119 * time.Second: "1 minute ago", 20 * time.Minute: "20 minutes ago",
		time.Hour: "1 hour ago", 23*time.Hour + 59*time.Minute: "23 hours ago", 24 * time.Hour: "1 day ago", 100 * time.Hour: "4 days ago",
	} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTheStrongestReasonIsTheRole(t *testing.T) {
	member, moderator := store.Reason{Role: store.Member}, store.Reason{Role: store.Moderator, Claim: "c"}
	for _, c := range []struct {
		user    store.User
		reasons []store.Reason
		want    store.Role
	}{
		{store.User{Active: true}, nil, store.Member},
		{store.User{Active: true}, []store.Reason{member}, store.Member},
		{store.User{Active: true}, []store.Reason{moderator, member}, store.Moderator},
		{store.User{Active: true}, []store.Reason{member, moderator}, store.Moderator},
		{store.User{Active: true, AdminByHand: true}, nil, store.Moderator},
		{store.User{AdminByHand: true}, nil, store.Member},
	} {
		if got := roleIn(c.user, store.RoomReasons{Reasons: c.reasons}); got != c.want {
			t.Errorf("%+v makes %s, want %s", c, got, c.want)
		}
	}
}

func TestAgesOnOffer(t *testing.T) {
	s := Settings{MaxAge: 90 * time.Minute, Room: store.Room{Demand: store.Demand{MaxAge: time.Minute}}}
	var names []string
	for _, age := range s.ages() {
		names = append(names, ageName(age))
	}
	want := []string{"Any, as long as the session lives", "At most 1 minute old", "At most 5 minutes old", "At most 15 minutes old",
		"At most 1 hour old", "At most 90 minutes old", "At most 8 hours old", "At most 1 day old"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
