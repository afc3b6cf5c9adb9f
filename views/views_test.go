package views

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Alice Adams": "AA", "bob": "B", "Anna Maria van Berg": "AB", "Élodie Ölçer": "ÉÖ", "李小龍": "李", "Νίκος Παππάς": "ΝΠ",
		"<script>alert(1)</script>": "SS", "  ": "?", "": "?", "!?": "?", "R2 D2": "RD", "\u202e\u200b": "?", "\xff": "?",
	} {
		if got := Initials(name); got != want {
			t.Errorf("Initials(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestURLsComeBackAsTheSlugTheyWereMadeOf(t *testing.T) {
	for _, slug := range []string{"General", "Tea-Biscuits", "Κόσμος", "日本-語", "e\u0301te\u0301", "a b", "100%", "a/b?c#d", "..", "<b>"} {
		for _, made := range []string{RoomURL(slug), MessagesURL(slug), MessageURL(slug, 7), EditURL(slug, 7), DeleteURL(slug, 7),
			OlderURL(slug, 7), NewerURL(slug, 7), StreamURL(slug, 7), PostedURL(slug, 7)} {
			u, err := url.Parse(made)
			if err != nil || u.Host != "" || !strings.HasPrefix(made, "/chat/") {
				t.Errorf("%s: %v", made, err)
				continue
			}
			back, err := url.PathUnescape(strings.Split(u.EscapedPath(), "/")[2])
			if err != nil || back != slug {
				t.Errorf("%s leads to %q, %v", made, back, err)
			}
		}
	}
	for _, back := range []string{"/chat/General?before=3&x=1", "/chat/%CE%9A", "/a#b", "/a+b c"} {
		for _, made := range []string{PleaseLogInURL(back), LogInURL(back)} {
			u, err := url.Parse(made)
			if err != nil || u.Query().Get("return") != back || u.Fragment != "" {
				t.Errorf("%s loses %s: %v", made, back, err)
			}
		}
	}
	if got := PleaseLogInURL(""); got != "/account/login" {
		t.Errorf("without a way back: %s", got)
	}
}

func TestMeCSSNamesOnePersonOnly(t *testing.T) {
	css := MeCSS(42)
	if strings.Count(css, `="42"]`) != strings.Count(css, "[") || strings.Count(css, "{") != strings.Count(css, "}") || strings.Count(css, "{") < 3 {
		t.Errorf("the style sheet is %s", css)
	}
}

func draw(t testing.TB, write func(*strings.Builder) error) (string, *goquery.Document) {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), doc
}

func crowd(n int, name string) []store.Person {
	var people []store.Person
	for i := range n {
		people = append(people, store.Person{ID: store.UserID(i + 1_000_000), Name: name})
	}
	return people
}

func TestPeopleFitIntoAFrame(t *testing.T) {
	for _, c := range []struct {
		name         string
		people       []store.Person
		atLeast, all int
	}{
		{"nobody", nil, 0, 0},
		{"one", crowd(1, "Alice"), 1, 1},
		{"a hundred", crowd(100, "Alice Adams"), 100, 100},
		{"a hundred and one", crowd(101, "Alice Adams"), 100, 101},
		{"twenty thousand", crowd(20_000, "Alice Adams"), 100, 20_000},
		{"the longest names there can be", crowd(200, strings.Repeat(`"`, 100)), 40, 200},
		{"the longest names in emoji", crowd(200, strings.Repeat("👍", 100)), 40, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			html, doc := draw(t, func(b *strings.Builder) error {
				if err := PeopleChanged(c.people).Render(t.Context(), b); err != nil {
					return err
				}
				for _, p := range c.people[:min(5, len(c.people))] {
					if err := Entered(p).Render(t.Context(), b); err != nil {
						return err
					}
				}
				return nil
			})
			if len(html) > 32<<10 {
				t.Errorf("%d bytes", len(html))
			}
			shown := doc.Find("li[data-person].person").Length()
			if shown < c.atLeast || shown > 100 {
				t.Errorf("%d are listed", shown)
			}
			more := ""
			if shown < c.all {
				more = fmt.Sprintf("and %d more", c.all-shown)
			}
			if got := doc.Find(".person--more").Text(); got != more {
				t.Errorf("it ends with %q, want %q", got, more)
			}
			if got := doc.Find("h2").Text(); got != fmt.Sprintf("Here · %d", c.all) {
				t.Errorf("it begins with %q", got)
			}
		})
	}
}

func history(n int) []store.Message {
	var messages []store.Message
	for i := range n {
		messages = append(messages, store.Message{
			ID: store.MessageID(i + 800_000), Author: store.Person{ID: store.UserID(i / 3 % 5), Name: "Alice Adams"},
			Body:      "The **release** is out, see https://example.org/notes and run `make test` first.",
			CreatedAt: time.Date(2030, 1, 2, 3, i, 0, 0, time.UTC),
		})
	}
	return messages
}

func TestMessagesAreGroupedByAuthorAndDay(t *testing.T) {
	at := func(day, hour, minute int) time.Time { return time.Date(2030, 1, day, hour, minute, 0, 0, time.UTC) }
	alice, bob := store.Person{ID: 1, Name: "Alice"}, store.Person{ID: 2, Name: "Bob"}
	_, doc := draw(t, func(b *strings.Builder) error {
		return Messages("General", []store.Message{
			{ID: 1, Author: alice, Body: "a", CreatedAt: at(1, 23, 58)},
			{ID: 2, Author: alice, Body: "b", CreatedAt: at(1, 23, 59)},
			{ID: 3, Author: alice, Body: "c", CreatedAt: at(2, 0, 1)},
			{ID: 4, Author: alice, Body: "d", CreatedAt: at(2, 0, 6)},
			{ID: 5, Author: bob, Body: "e", CreatedAt: at(2, 0, 7)},
		}).Render(t.Context(), b)
	})
	got := doc.Find("li").Map(func(_ int, li *goquery.Selection) string {
		_, continued := li.Attr("data-continued")
		return fmt.Sprint(li.AttrOr("id", "day"), continued)
	})
	if want := []string{"dayfalse", "m-1false", "m-2true", "dayfalse", "m-3false", "m-4false", "m-5false"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkMessage(b *testing.B) {
	m := history(1)[0]
	for b.Loop() {
		if err := MessageSaved("General", m).Render(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRoomOfFiftyMessages(b *testing.B) {
	room := Room{Page: Page{Title: "General", Viewer: store.Person{ID: 1, Name: "Alice Adams"}, Assets: names{}},
		Room: store.Room{ID: 1, Slug: "General", Name: "General"}, History: store.History{Messages: history(50)}}
	var s strings.Builder
	for b.Loop() {
		s.Reset()
		if err := RoomPage(room).Render(b.Context(), &s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.Len()), "bytes")
}

type names struct{}

func (names) URL(name string) string { return "/static/" + name }
