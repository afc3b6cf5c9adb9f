package e2e

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"letstalk/store"
	"letstalk/store/sqlstore"
)

// operator opens the site's database beside the program, as a command on the machine does.
func (s *site) operator() *sqlstore.Store {
	s.t.Helper()
	db, err := sqlstore.Open(s.t.Context(), "sqlite:"+filepath.Join(s.dir, "letstalk.db"), sqlstore.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

// userID returns whose e-mail address or name has that in it.
func (s *site) userID(db *sqlstore.Store, part string) store.UserID {
	s.t.Helper()
	users, err := db.Users(s.t.Context(), store.Operator, part, 1)
	if err != nil || len(users) == 0 {
		s.t.Fatalf("nobody is called %s: %v", part, err)
	}
	return users[0].ID
}

func TestListsOfRoomsFollowWhatAPersonMayEnter(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	lobby := bob.window()
	lobby.open("/dashboard")
	lobby.live()
	bob.write("half a thought")
	alice := s.visitor("alice", true).signIn("alice", "/dashboard").live()
	db := s.operator()
	moderator := s.userID(db, "alice")
	room, err := db.CreateRoom(t.Context(), moderator, store.NewRoom{Name: "Secret", Visibility: store.Private})
	if err != nil {
		t.Fatal(err)
	}
	alice.see(".card", "Secret")

	// Whoever walks through the list with the keyboard goes on where they were.
	lobby.do(chromedp.Focus(chromedp.CSS(`.card[href="/chat/Sports"]`)))
	if err := db.SetMember(t.Context(), moderator, room.ID, s.userID(db, "bob"), store.Member); err != nil {
		t.Fatal(err)
	}
	bob.see(".roomlink", "Secret")
	lobby.see(".card", "Secret")
	lobby.until("the same link in focus", `document.activeElement.getAttribute("href") === "/chat/Sports"`)
	if bob.draft() != "half a thought" {
		t.Errorf("the draft is %q", bob.draft())
	}
	bob.click(`.roomlink[href="/chat/Secret"]`)
	bob.see("h1", "Secret")
	bob.live()

	// Taken away: the page of the room is none any more, and no list has it.
	bob.expect("status of 404")
	if err := db.RemoveMember(t.Context(), moderator, room.ID, s.userID(db, "bob")); err != nil {
		t.Fatal(err)
	}
	bob.see("h1", "There is nothing here")
	lobby.until("no card of it", `![...document.querySelectorAll(".card")].some((e) => e.innerText.includes("Secret"))`)
	alice.see(".card", "Secret")
}

func TestListOfRoomsThatChangedWhileThePageWasAwayIsPutRight(t *testing.T) {
	story(t)
	s, net := startBehind(t)
	bob := s.visitor("bob", true)
	bob.expectCuts()
	bob.signIn("bob", "/chat/General").live()
	s.caller("alice")
	db := s.operator()
	moderator := s.userID(db, "alice")
	room, err := db.CreateRoom(t.Context(), moderator, store.NewRoom{Name: "Secret", Visibility: store.Private})
	if err != nil {
		t.Fatal(err)
	}
	net.cut(streams)
	bob.state("reconnecting")
	if err := db.SetMember(t.Context(), moderator, room.ID, s.userID(db, "bob"), store.Member); err != nil {
		t.Fatal(err)
	}
	s.caller("carol").post("and on with the talk")
	net.mend()
	bob.see(".message__body", "and on with the talk")
	bob.see(".roomlink", "Secret")
	bob.live()

	// Nothing missed, nothing fetched.
	eval[any](bob, `document.querySelector("[data-rooms]").dataset.old = ""`)
	net.cut(streams)
	bob.state("reconnecting")
	net.mend()
	bob.live()
	s.caller("carol").post("and on")
	bob.see(".message__body", "and on")
	bob.appears("[data-rooms][data-old]")
}
