package e2e

import (
	"testing"

	"letstalk/internal/pgtest"
)

// While the database is away pages stay as they are and keep what is written; it goes out once when the database is back.
func TestDatabaseIsAwayForAWhile(t *testing.T) {
	story(t)
	database := pgtest.New(t)
	s := start(t, "DATABASE_URL="+database.Database(t))
	alice := s.visitor("alice", true)
	alice.expectCuts()
	alice.expect("status of 503")
	alice.signIn("alice", "/chat/General").live()
	alice.post("before")
	plain := s.visitor("bob", false) // without scripts
	plain.expect("status of 503")
	plain.signIn("bob", "/chat/General")
	if err := database.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	alice.say("while it is away")
	alice.waits("while it is away", "Not sent yet")
	alice.state("live") // streams stay
	alice.shot("database-away")

	plain.write("half a thought")
	plain.click(".composer__send")
	plain.see("h1", "The database does not answer")
	plain.misses("a[href^='/account/login'], a[href^='/users/login']") // who knows whether he is signed in
	plain.until("the words are there", `document.getElementById("draft").value === "half a thought"`)
	for _, width := range []int64{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			plain.screen(width, 900, scheme)
			plain.shot("database-away-page-" + map[int64]string{1440: "wide", 390: "narrow"}[width] + "-" + scheme)
		}
	}

	if err := database.Run(); err != nil {
		t.Fatal(err)
	}
	alice.see(".message__body", "while it is away")
	alice.misses(".outbox__item")
	alice.reads("before", "while it is away")
}
