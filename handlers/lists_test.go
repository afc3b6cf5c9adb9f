package handlers_test

import (
	"compress/gzip"
	"io"
	"net/url"
	"strings"
	"testing"

	"letstalk/store"
)

// unpacked returns the body of an answer that is compressed.
func (a answer) unpacked() string {
	a.Helper()
	want(a, "encoding", a.header.Get("Content-Encoding"), "gzip")
	r, err := gzip.NewReader(strings.NewReader(a.body))
	must(a, err)
	r.Multistream(false) // browsers stop after the first member
	all, err := io.ReadAll(r)
	must(a, err)
	return string(all)
}

func TestNewestMessagesAreDrawnOnceAndNeverOld(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice, bob := s.signIn("alice"), s.signIn("bob")
	room, err := s.store.Room(t.Context(), alice.id, "General")
	must(t, err)
	other := s.roomID(alice.id, "Sports")
	// same compares the page, plain and compressed, as two people see it, with what is kept.
	same := func(what string) {
		t.Helper()
		for range 2 { // drawn, then remembered
			for _, who := range []*person{alice, bob} {
				for _, encoding := range []string{"identity", "gzip, deflate, br, zstd"} {
					page := who.get("/chat/General", "Accept-Encoding", encoding)
					if encoding != "identity" {
						page.body = page.unpacked()
					}
					want(t, what+": length told", page.header.Get("Content-Length") != "", true)
					want(t, what+": cursor", page.cursor(), number(s.head()))
					var shown replica
					must(t, shown.load(page.page()))
					if err := shown.difference(s, alice.id, room); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					want(t, what+": header", page.page().Find(".header__who b").Text(), who.name)
				}
			}
		}
	}
	same("empty")
	id := alice.post("/chat/General/messages", url.Values{"body": {"one"}}).header.Get("Location")
	id = id[strings.LastIndex(id, "-")+1:]
	same("posted")
	alice.post("/chat/General/messages/"+id+"/edit", url.Values{"body": {"one and a half"}})
	same("edited")
	_, err = s.store.CreateMessage(t.Context(), bob.id, other, store.Draft{Body: "elsewhere", Nonce: "1"})
	must(t, err)
	same("posted elsewhere")
	// Some people put tags into their names and words.
	alice.post("/chat/General/messages", url.Values{"body": {`</ol><ol class="messages" id="messages"> *x*`}})
	same("posted markup")
	alice.post("/chat/General/messages/"+id+"/delete", nil)
	same("deleted")
	// Who comes back under another name has it on all they wrote.
	_, err = s.store.CreateLogin(t.Context(), store.NewLogin{Identity: renamed(t, s, alice.id, "Alicia"), Lifetime: 1e12})
	must(t, err)
	alice.name = "Alicia"
	same("renamed")
}

// renamed is who a person is to the provider, under another name.
func renamed(t *testing.T, s *site, id store.UserID, name string) store.Identity {
	t.Helper()
	u, err := s.store.User(t.Context(), id)
	must(t, err)
	u.Identity.Name = name
	return u.Identity
}

func TestCompressionIsAsAskedFor(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	for accept, packed := range map[string]bool{
		"": false, "gzip": true, "GZIP;q=0.5": true, "br, gzip ; q=0.1": true, "*": true, "br;q=1, *;q=0.1": true,
		"gzip;q=0": false, "gzip; q=0.0, *": false, "*;q=0": false, "br, deflate": false, "gzip;q=much": false,
	} {
		page := alice.get("/chat/General", "Accept-Encoding", accept)
		if got := page.header.Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("Accept-Encoding: %s is answered with %q", accept, page.header.Get("Content-Encoding"))
		}
		want(t, "varies", strings.Contains(strings.Join(page.header.Values("Vary"), ","), "Accept-Encoding"), true)
	}
}
