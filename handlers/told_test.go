package handlers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"letstalk/store"
)

// rooms returns the rooms that a page lists, and the change up to which the list is complete.
func (a answer) rooms() (names []string, upTo store.Seq) {
	list := a.page().Find("[data-rooms]")
	number, _ := list.Attr("data-rooms")
	n, err := strconv.ParseInt(number, 10, 64)
	must(a, err)
	for _, name := range list.Find(".roomlink bdi, .card__name bdi").EachIter() {
		names = append(names, name.Text())
	}
	return names, store.Seq(n)
}

// finds checks whether Secret is among the rooms of bob's pages.
func (c *circle) finds(secret bool) {
	c.Helper()
	for _, page := range []string{"/dashboard", "/chat/General"} {
		if names, _ := c.bob.get(page).rooms(); slices.Contains(names, "Secret") != secret {
			c.Errorf("on %s he finds %q", page, names)
		}
	}
}

func TestPersonHearsOnEveryPageThatTheirRoomsHaveChanged(t *testing.T) {
	c := openCircle(t)
	bobs := []*stream{c.bob.listen("/events"), c.bob.listen(events)}
	carols := []*stream{c.carol.listen("/events"), c.carol.listen(events)}
	for _, stream := range slices.Concat(bobs, carols) {
		stream.hello()
	}
	c.finds(true) // and this is remembered for a moment
	c.removeBob()
	for _, stream := range bobs {
		want(t, "what it says", stream.untilEvent("rooms").data, "{}")
	}
	c.finds(false)
	must(t, c.store.SetMember(t.Context(), c.alice.id, c.room.ID, c.bob.id, store.Moderator))
	for _, stream := range bobs {
		stream.untilEvent("rooms")
	}
	c.finds(true)
	c.stop()
	for _, stream := range carols {
		for _, f := range stream.end() {
			if f.event == "rooms" {
				t.Error("somebody whom it does not concern was told")
			}
		}
	}
}

func TestPageThatWasAwayLearnsThatItsListOfRoomsIsOld(t *testing.T) {
	c := openCircle(t)
	// told returns what a stream says that goes on from a cursor.
	told := func(cursor string) store.Seq {
		t.Helper()
		stream := c.bob.listen("/events?after=" + cursor)
		defer stream.close()
		var hello struct{ Told store.Seq }
		must(t, json.Unmarshal([]byte(stream.hello().data), &hello))
		return hello.Told
	}
	before := c.bob.get("/dashboard")
	_, drawn := before.rooms()
	if n := told(before.cursor()); n > drawn {
		t.Errorf("a list that is complete up to %d is called old: %d", drawn, n)
	}
	handOut := c.holdFeed()
	c.removeBob()
	ahead := c.bob.get("/chat/General") // of the feed, and perhaps with the list from before
	_, drawnAhead := ahead.rooms()
	handOut()
	c.handedOut()
	c.bob.say("on with the talk")
	c.handedOut()
	for what, upTo := range map[string]store.Seq{"drawn before": drawn, "drawn before the feed had it": drawnAhead} {
		if n := told(before.cursor()); n <= upTo {
			t.Errorf("a list %s is not called old: complete up to %d, told of %d", what, upTo, n)
		}
	}
	names, now := c.bob.get("/dashboard").rooms()
	if n := told(fmt.Sprint(now)); n > now || slices.Contains(names, "Secret") {
		t.Errorf("the new list %q, complete up to %d, is called old: %d", names, now, n)
	}
}

func TestRoomThatAsksForMoreHasItsReadersComeAgain(t *testing.T) {
	c := openCircle(t)
	reading, elsewhere := c.bob.listen(secretEvents), c.bob.listen(events)
	reading.hello()
	elsewhere.hello()
	away := c.carol.get(secret).cursor()
	must(t, c.store.SetDemand(t.Context(), c.alice.id, c.room.ID, store.Demand{MaxAge: store.MaxMaxAge}))
	c.say("for those who have shown who they are")
	c.handedOut()
	for who, stream := range map[string]*stream{"who reads": reading, "who was away": c.carol.listen(secretEvents + "?after=" + away)} {
		rest := stream.end()
		if last := rest[len(rest)-1]; last.event != "resync" || last.id != 0 {
			t.Errorf("somebody %s is told %+v", who, rest)
		}
	}
	c.bob.say("hello")
	elsewhere.untilData("hello")
}
