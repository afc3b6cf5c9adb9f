package devidp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

func TestTheSessionPageShowsWhoIsSignedIn(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	if text := b.get(f.issuer + "/").wantStatus(http.StatusOK).doc.Text(); !strings.Contains(text, "Nobody is signed in") {
		t.Errorf("page says %s", text)
	}
	b.code(f.wiki(), "mallory") // which wiki never redeems
	page := b.get(f.issuer + "/").wantStatus(http.StatusOK)
	if got, want := page.doc.Find("main bdi").Text(), f.idp.Accounts()[3].Name; got != want {
		t.Errorf("page names %q, want %q", got, want)
	}
	for _, text := range []string{"mallory@example.org", "No groups", "since 12:00:00.", "Not used by any application yet."} {
		if !strings.Contains(page.doc.Text(), text) {
			t.Errorf("page does not say %q: %s", text, page.doc.Text())
		}
	}
	f.idp.SetGroups("mallory", "staff", "guests")
	b.signIn(f.wiki(), "mallory")
	b.signIn(f.client, "mallory", "acr_values", "mfa")
	page = b.get(f.issuer + "/")
	for _, text := range []string{"Groups: staff, guests", "since 12:00:00, with a second factor.", "Used by chat, wiki."} {
		if !strings.Contains(page.doc.Text(), text) {
			t.Errorf("page does not say %q: %s", text, page.doc.Text())
		}
	}
	if text := f.browser().get(f.issuer + "/").doc.Text(); !strings.Contains(text, "Nobody is signed in") {
		t.Errorf("in another browser the page says %s", text)
	}
}

func TestPeopleMaySignOutAtTheProvider(t *testing.T) {
	f := setUp(t)
	b := f.browser()
	token := b.signIn(f.client, "alice")
	page := b.get(f.issuer + "/").wantStatus(http.StatusOK)
	buttons := page.doc.Find("form[method=post] button").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
	if diff := cmp.Diff([]string{"Sign out of the provider"}, buttons); diff != "" {
		t.Errorf("buttons (-want +got):\n%s", diff)
	}
	f.browser().press(page, "", "").wantStatus(http.StatusForbidden)
	if !b.signedIn() || len(f.received("/chat/logout")) != 0 {
		t.Fatal("another browser signed this one out")
	}
	gone := b.press(page, "", "").wantStatus(http.StatusOK)
	if !strings.Contains(gone.doc.Text(), "You are signed out") {
		t.Errorf("page says %s", gone.doc.Text())
	}
	if b.signedIn() || f.works(token) {
		t.Error("still signed in")
	}
	tokens := f.received("/chat/logout")
	if len(tokens) != 1 || sidOf(t, tokens[0]) != sidOf(t, rawIDToken(token)) {
		t.Errorf("%d logout tokens, want one for the session", len(tokens))
	}
	b.press(page, "", "").wantStatus(http.StatusForbidden)
}
