package handlers_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"letstalk/internal/auth"
)

// ending returns the place for the warning, the only one on the page.
func (a answer) ending() *goquery.Selection {
	a.Helper()
	place := a.page().Find("#ending[role=status]")
	want(a, "places for the warning", place.Length(), 1)
	return place
}

func TestPageWarnsInTheLastFiveMinutes(t *testing.T) {
	for lifetime, warns := range map[time.Duration]bool{4 * time.Minute: true, 6 * time.Minute: false} {
		s := open(t, setup{auth: func(c *auth.Config) { c.Lifetime = lifetime }})
		alice := s.signIn("alice")
		message := "/chat/General/messages/" + number(alice.say("hello"))
		for path, back := range map[string]string{
			"/dashboard":                      "/dashboard",
			"/":                               "/",
			"/chat/General?after=1":           "/chat/General?after=1",
			"/nowhere":                        "/nowhere",
			message + "/edit":                 message + "/edit",
			"/account/ending?return=%2Fx%3Fy": "/x?y",
			"/account/ending":                 "/dashboard",
			"/account/ending?return=%2F%2Fevil.example": "/dashboard",
		} {
			place := alice.get(path).ending()
			link, warned := place.Find("a").Attr("href")
			want(t, "warning on "+path, warned, warns)
			if warned {
				want(t, "the way on", link, "/users/login?prompt=login&return="+url.QueryEscape(back))
			}
			at, err := time.Parse(time.RFC3339, place.AttrOr("data-expires", ""))
			must(t, err)
			if left := time.Until(at); left > lifetime || left < lifetime-time.Minute {
				t.Errorf("%s says that %v are left of %v", path, left, lifetime)
			}
		}
		if warns {
			// A page that answers a form can't be asked for again.
			refused := alice.post("/chat/General/messages", url.Values{"body": {" "}})
			want(t, "status", refused.status, http.StatusUnprocessableEntity)
			want(t, "the way on", refused.ending().Find("a").AttrOr("href", ""), "/users/login?prompt=login&return=%2Fchat%2FGeneral")
		}
	}
}

func TestVisitorsAreNotWarned(t *testing.T) {
	s := open(t, setup{})
	for _, path := range []string{"/", "/account/login", "/nowhere"} {
		want(t, "places for the warning on "+path, s.visitor().get(path).page().Find("#ending").Length(), 0)
	}
	want(t, "asking for it", s.visitor().get("/account/ending").status, http.StatusSeeOther)
}
