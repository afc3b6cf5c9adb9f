package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"letstalk/store"
)

const (
	secret       = "/chat/Secret"
	secretEvents = secret + "/events"
)

// circle is a private room with three people in it. Nothing that is said once bob is out may reach him.
type circle struct {
	*site
	alice, bob, carol *person
	room              store.Room
}

func openCircle(t *testing.T) *circle {
	t.Helper()
	s := open(t, setup{hub: slow})
	c := &circle{site: s, alice: s.signIn("alice"), bob: s.signIn("bob"), carol: s.signIn("carol")}
	var err error
	c.room, err = s.store.CreateRoom(t.Context(), c.alice.id, store.NewRoom{Name: "Secret", Visibility: store.Private})
	must(t, err)
	for _, p := range []*person{c.bob, c.carol} {
		must(t, s.store.SetMember(t.Context(), c.alice.id, c.room.ID, p.id, store.Member))
	}
	s.handedOut()
	return c
}

func (c *circle) say(words string) store.Message {
	c.Helper()
	m, err := c.store.CreateMessage(c.Context(), c.alice.id, c.room.ID, store.Draft{Body: words, Nonce: words})
	must(c, err)
	return m
}

func (c *circle) edit(m store.Message, words string) {
	c.Helper()
	_, err := c.store.EditMessage(c.Context(), c.alice.id, c.room.ID, m.ID, words)
	must(c, err)
}

func (c *circle) removeBob() {
	c.Helper()
	must(c, c.store.RemoveMember(c.Context(), c.alice.id, c.room.ID, c.bob.id))
}

// bobIsOut expects bob's stream to end without a word that was said after him, and bob to find no room any more.
func (c *circle) bobIsOut(stream *stream) {
	c.Helper()
	rest := stream.end()
	if len(rest) == 0 || rest[len(rest)-1].event != "resync" || rest[len(rest)-1].id != 0 {
		c.Errorf("the stream ended with %+v", rest)
	}
	for _, f := range rest {
		if strings.Contains(f.data, "after bob") {
			c.Errorf("bob still got %+v", f)
		}
	}
	want(c, "his page", c.bob.get(secret).status, http.StatusNotFound)
	want(c, "his stream's next answer", c.bob.get(secretEvents, "Last-Event-ID", "0").status, http.StatusNotFound)
	want(c, "his post", c.bob.post(secret+"/messages", url.Values{"body": {"let me in"}}).status, http.StatusNotFound)
}

func TestMemberWhoIsRemovedGetsNothingThatIsSaidAfterwards(t *testing.T) {
	t.Run("while reading", func(t *testing.T) {
		c := openCircle(t)
		bobs, carols := c.bob.listen(secretEvents), c.carol.listen(secretEvents)
		bobs.hello()
		c.say("with bob")
		bobs.untilData("with bob")
		c.removeBob()
		c.say("after bob")
		c.bobIsOut(bobs)
		carols.untilData("with bob")
		carols.untilData("after bob")
		c.say("on it goes")
		carols.untilData("on it goes")
		want(t, "carol's page", c.carol.get(secret).status, http.StatusOK)
	})

	t.Run("though it is handed out in one go with what was said before", func(t *testing.T) {
		c := openCircle(t)
		page := c.carol.get(secret)
		bobs, carols := c.bob.listen(secretEvents), c.carol.listen(secretEvents+"?after="+page.cursor())
		bobs.untilData("people-panel")
		handOut := c.holdFeed()
		m := c.say("with bob")
		c.removeBob()
		c.edit(m, "after bob, said anew")
		c.say("after bob")
		handOut()
		c.bobIsOut(bobs)
		var reader replica
		must(t, reader.load(page.page()))
		carols.until("everything", func(f frame) bool {
			if f.event == "" {
				must(t, reader.apply(f.data))
			}
			return f.isChange() && f.id == int64(c.head())
		})
		must(t, reader.difference(c.site, c.carol.id, c.room))
	})

	for name, before := range map[string]bool{"before the past is read": true, "after the past was read": false} {
		t.Run("during a replay, "+name, func(t *testing.T) {
			c := openCircle(t)
			cursor := c.bob.get(secret).cursor()
			carols := c.carol.listen(secretEvents)
			m := c.say("with bob")
			c.handedOut()
			c.store.aroundReplays(func(read func()) {
				remove := func() {
					c.removeBob()
					c.edit(m, "after bob, said anew")
					c.say("after bob")
					c.handedOut()
				}
				if before {
					remove()
				}
				read()
				if !before {
					remove()
				}
			})
			bobs := c.bob.listen(secretEvents + "?after=" + cursor)
			c.bobIsOut(bobs)
			carols.untilData("after bob, said anew")
		})
	}

	t.Run("of a room that stays open reloads and goes on", func(t *testing.T) {
		s := open(t, setup{hub: slow})
		alice, bob := s.signIn("alice"), s.signIn("bob")
		room, err := s.store.CreateRoom(t.Context(), alice.id, store.NewRoom{Name: "Club", Visibility: store.Open})
		must(t, err)
		must(t, s.store.SetMember(t.Context(), alice.id, room.ID, bob.id, store.Member))
		stream := bob.listen("/chat/Club/events?after=" + bob.get("/chat/Club").cursor())
		must(t, s.store.RemoveMember(t.Context(), alice.id, room.ID, bob.id))
		stream.untilEvent("resync")
		stream.end()
		stream = bob.listen("/chat/Club/events?after=" + bob.get("/chat/Club").cursor())
		stream.hello()
		_, err = s.store.CreateMessage(t.Context(), alice.id, room.ID, store.Draft{Body: "welcome back", Nonce: "1"})
		must(t, err)
		stream.untilData("welcome back")
	})
}

func TestMemberWhoIsRemovedAsTheStreamBeginsGetsNothingThatIsSaidAfterwards(t *testing.T) {
	for name, path := range map[string]func(*circle) string{
		"without a cursor":                 func(*circle) string { return secretEvents },
		"with the cursor of the last page": func(c *circle) string { return secretEvents + "?after=" + c.bob.get(secret).cursor() },
		"with a cursor that needs no past": func(c *circle) string { return secretEvents + "?after=" + number(c.head()+1) },
	} {
		t.Run(name, func(t *testing.T) {
			c := openCircle(t)
			path := path(c)
			once := sync.OnceFunc(func() { c.removeBob(); c.handedOut() })
			c.store.afterRoom(func(viewer store.UserID) {
				if viewer == c.bob.id {
					once()
				}
			})
			bobs := c.bob.listen(path)
			c.say("after bob")
			c.handedOut()
			c.bobIsOut(bobs)
		})
	}
}
