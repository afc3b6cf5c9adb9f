// Package views draws the pages and fragments. Every component is a pure function of its arguments: no store, no
// request, no clock. A fragment is the same for every viewer; what is "mine" is decided in the browser (see [MeCSS]).
package views

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"letstalk/store"
)

// Assets gives the address of a static file by its plain name.
type Assets interface{ URL(name string) string }

// Page is what every page needs to be drawn.
type Page struct {
	Title  string
	Viewer store.Person // the zero Person for visitors
	// Unsure says that it could not be found out who this is: nobody is told to log in who may have.
	Unsure bool
	Assets Assets
	// Live says that the page keeps a stream open, so that the header shows its light.
	Live bool
	// Login is the viewer's login: pages of the same one leave together.
	Login store.LoginID
	// Expires is when that ends; Ending says that this is soon, and is to be said.
	Expires time.Time
	Ending  bool
	// Here is the path to come back to this page.
	Here string
	// Seq is where the stream of a page that is no room begins.
	Seq store.Seq
	// Admin says that the viewer is an administrator.
	Admin bool
}

// SignedIn reports whether somebody is signed in.
func (p Page) SignedIn() bool { return p.Viewer.ID != 0 }

// Room is what the room page shows.
type Room struct {
	Page
	Room  store.Room
	Rooms []store.RoomSummary
	// Listed is the change up to which Rooms is complete.
	Listed  store.Seq
	History store.History
	// Apart leaves the messages out of the page, to be put in where [CutAtList] says.
	Apart bool
	// Anchor is the message the page was opened at; zero for the newest.
	Anchor store.MessageID
	People []store.Person
	// Composer is the form as it should come back: empty at first, with the draft and what was wrong after an error.
	Composer Composer
}

// AtEnd reports whether the page shows the newest messages, so that live ones belong below.
func (r Room) AtEnd() bool { return !r.History.Newer }

// CutAtList cuts a room's page that was drawn without its messages in two, where they belong.
func CutAtList(page []byte) (before, after []byte) {
	// Nothing people wrote looks like this: it has no "<".
	list := []byte(`<ol class="messages"`)
	at := bytes.Index(page, list)
	at += bytes.IndexByte(page[at:], '>') + 1
	return page[:at], page[at:]
}

// Entrance is a room as the list of rooms shows it.
type Entrance struct {
	store.RoomSummary
	// Asks says that the room wants to be surer of who enters, and so shows nothing of itself.
	Asks bool
}

// Composer is the form for a new message.
type Composer struct {
	Nonce string
	Draft string
	Flash string
}

// Problem is an error page or flash: what happened and what to do.
type Problem struct {
	Status    int
	Title     string
	Text      string
	RequestID string // shown for faults of ours, so that it can be told to whoever runs the site
	Draft     string // what the person wrote, given back
	Action    string // label of the way on
	Href      string // where it leads
	Onward    bool   // nothing else helps: a flash shows the way on, too
}

// MeCSS returns the style sheet of one rule set that shows a person what is theirs: the actions on their own messages, all
// of them also where moderators may only delete, "you" beside their name. It works without scripts and keeps fragments alike
// for everybody.
func MeCSS(id store.UserID) string {
	return fmt.Sprintf(`[data-author="%[1]d"]>.message__actions{display:flex}`+
		`[data-author="%[1]d"]>.message__actions>a{display:grid}`+
		`[data-person="%[1]d"].person::after{content:"you"}`+
		`[data-person="%[1]d"].notice{display:none}`+"\n", id)
}

// Initials returns one or two letters that stand for a name.
func Initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var b strings.Builder
	for i, word := range words {
		if i == 0 || i == len(words)-1 {
			r, _ := utf8.DecodeRuneInString(word)
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	if b.Len() == 0 {
		return "?"
	}
	return b.String()
}

func avatarClass(id store.UserID) string { return fmt.Sprintf("avatar avatar--%d", id%12) }

// hereLabel says how many people are in the room.
func hereLabel(n int) string {
	if n == 0 {
		return "Nobody here"
	}
	return fmt.Sprintf("%d here", n)
}

// listed returns how many people are listed: a hundred, or fewer with names so long that a frame would not hold them.
func listed(people []store.Person) int {
	const most, room = 100, 24 << 10 // bytes of HTML, of the 32 KB of a frame
	size := 0
	for i, p := range people {
		size += len(`<li class="person" data-person=""><bdi></bdi></li>`) + len(decimal(p.ID)) + len(html.EscapeString(p.Name))
		if i == most || size > room {
			return i
		}
	}
	return len(people)
}

// firstName is what to call somebody in a greeting.
func firstName(name string) string {
	if first, _, found := strings.Cut(name, " "); found {
		return first
	}
	return name
}
