package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

const settings = payroll + "/settings"

func TestModeratorsSayWhatARoomAsksFor(t *testing.T) {
	v := openVault(t, store.Demand{})
	want(t, "way from the room", v.alice.get(payroll).page().Find(`.room__head a[href="`+settings+`"]`).Length(), 1)
	want(t, "for a member", v.bob.get(payroll).page().Find(`.room__head a[href="`+settings+`"]`).Length(), 0)
	a := v.alice.post(settings, url.Values{"max_age": {"900"}, "acr": {" pwd  mfa "}})
	want(t, "status", a.status, http.StatusSeeOther)
	room, err := v.store.Room(t.Context(), v.alice.id, "Payroll")
	must(t, err)
	want(t, "asks for", room.Demand, store.Demand{MaxAge: 15 * time.Minute, ACR: "pwd mfa"})
	doc := v.alice.get(a.header.Get("Location")).page()
	want(t, "it says so", doc.Find(`.note[role="status"]`).Length(), 1)
	want(t, "chosen age", doc.Find("#max_age option[selected]").AttrOr("value", ""), "900")
	want(t, "ways to sign in", doc.Find("#acr").AttrOr("value", ""), "pwd mfa")
	must(t, v.store.SetDemand(t.Context(), v.alice.id, v.room.ID, store.Demand{MaxAge: 90 * time.Minute}))
	doc = v.alice.get(settings).page()
	want(t, "an age that is not on offer is, if it is set", doc.Find("#max_age option[selected]").Text(), "At most 90 minutes old")
	want(t, "status", v.alice.post(settings, url.Values{"max_age": {"0"}, "acr": {""}}).status, http.StatusSeeOther)
	room, err = v.store.Room(t.Context(), v.alice.id, "Payroll")
	must(t, err)
	want(t, "asks for", room.Demand, store.Demand{})
}

func TestSettingsThatCanNotBeAreSentBackAsTheyWere(t *testing.T) {
	v := openVault(t, store.Demand{MaxAge: time.Hour})
	for _, c := range []struct{ name, maxAge, acr, field string }{
		{"too short", "59", "", "max_age"}, {"too long", "9999999", "", "max_age"}, {"negative", "-60", "", "max_age"},
		{"no number", "soon", "", "max_age"}, {"letters", "0", "é", "acr"}, {"too many", "0", strings.Repeat("a ", 400), "acr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := v.alice.post(settings, url.Values{"max_age": {c.maxAge}, "acr": {c.acr}})
			want(t, "status", a.status, http.StatusUnprocessableEntity)
			page(t, a, true)
			doc := a.page()
			want(t, "complaints", doc.Find(".flash").Length(), 1)
			want(t, "beside the field", doc.Find(".field:has(#"+c.field+") .flash").Length(), 1)
			want(t, "what was written", strings.TrimSpace(doc.Find("#acr").AttrOr("value", "")), strings.TrimSpace(strings.Join(strings.Fields(c.acr), " ")))
		})
	}
	room, err := v.store.Room(t.Context(), v.alice.id, "Payroll")
	must(t, err)
	want(t, "asks for", room.Demand, store.Demand{MaxAge: time.Hour})
}

// A slip of the pen in the name of a way to sign in would close the room to everybody, its moderators included.
func TestNobodyAsksForWhatTheyHaveNotShownCanBeMet(t *testing.T) {
	v := openVault(t, store.Demand{})
	a := v.alice.post(settings, url.Values{"max_age": {"300"}, "acr": {"mfa"}})
	want(t, "status", a.status, http.StatusUnprocessableEntity)
	room, err := v.store.Room(t.Context(), v.alice.id, "Payroll")
	must(t, err)
	want(t, "asks for", room.Demand, store.Demand{})
	prove := a.page().Find(".flash a").AttrOr("href", "")
	done := v.alice.through(prove, url.Values{"account": {"alice"}, "second_factor": {"yes"}})
	back := v.alice.get(done.header.Get("Location"))
	want(t, "status back at the settings", back.status, http.StatusOK)
	doc := back.page()
	want(t, "it says that nothing is changed yet", doc.Find(".note").Length(), 1)
	form := url.Values{"max_age": {doc.Find("#max_age option[selected]").AttrOr("value", "")}, "acr": {doc.Find("#acr").AttrOr("value", "")}}
	want(t, "filled in", form.Encode(), url.Values{"max_age": {"300"}, "acr": {"mfa"}}.Encode())
	want(t, "now it can be saved", v.alice.post(settings, form).status, http.StatusSeeOther)
	want(t, "and alice is not locked out", v.alice.get(payroll).status, http.StatusOK)
	want(t, "an odd address", v.alice.get(settings+"?max_age=soon").status, http.StatusUnprocessableEntity)
}

func TestModeratorsDeleteWhatOthersWrote(t *testing.T) {
	v := openVault(t, store.Demand{})
	m, err := v.store.CreateMessage(t.Context(), v.bob.id, v.room.ID, store.Draft{Body: "rude words", Nonce: "2"})
	must(t, err)
	theirs, mine := payroll+"/messages/"+number(m.ID), payroll+"/messages/"+number(v.said)
	want(t, "the moderator's page offers it", v.alice.get(payroll).page().Find(".pane--moderator").Length(), 1)
	want(t, "the member's does not", v.bob.get(payroll).page().Find(".pane--moderator").Length(), 0)
	asked := v.alice.get(theirs + "/delete")
	want(t, "status of asking", asked.status, http.StatusOK)
	want(t, "it says whose it is", strings.Contains(asked.page().Find(".editor__ask").Text(), "Bob Brown"), true)
	want(t, "so it does to a script", strings.Contains(v.alice.get(theirs+"/delete", "HX-Request", "true").page().Find(".editor__ask").Text(), "Bob Brown"), true)
	want(t, "of one's own it does not", strings.Contains(v.alice.get(mine+"/delete").page().Find(".editor__ask").Text(), "Alice"), false)
	want(t, "editing is the author's", v.alice.get(theirs+"/edit").status, http.StatusForbidden)
	want(t, "a member does not delete", v.bob.get(mine+"/delete").status, http.StatusForbidden)
	want(t, "nor by a form", v.bob.post(mine+"/delete", nil).status, http.StatusForbidden)
	want(t, "status of deleting", v.alice.post(theirs+"/delete", nil).status, http.StatusSeeOther)
	want(t, "what bob reads", strings.Join(bodies(v.bob.get(payroll)), ","), "the secret number is 42")
	want(t, "deleting one's own", v.alice.post(mine+"/delete", nil).status, http.StatusSeeOther)
	entries, err := v.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Kind: store.AuditMessageGone})
	must(t, err)
	want(t, "entries", len(entries), 1)
	want(t, "who", entries[0].Actor.ID, v.alice.id)
	want(t, "whose", entries[0].Subject.ID, v.bob.id)
	want(t, "which", entries[0].Message, m.ID)
	want(t, "words in the log", strings.Contains(entries[0].Detail, "rude"), false)
}
