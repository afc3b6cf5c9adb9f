package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

const payroll = "/chat/Payroll"

// vault is a site with a room that asks for more than a session.
type vault struct {
	*site
	alice, bob *person // moderator and member of Payroll
	room       store.Room
	said       store.MessageID // what alice said there
}

func openVault(t *testing.T, d store.Demand) *vault {
	t.Helper()
	v := &vault{site: open(t, setup{hub: unhurried})}
	v.alice, v.bob = v.signIn("alice"), v.signIn("bob")
	var err error
	v.room, err = v.store.CreateRoom(t.Context(), v.alice.id, store.NewRoom{Name: "Payroll", Visibility: store.Private})
	must(t, err)
	must(t, v.store.SetMember(t.Context(), v.alice.id, v.room.ID, v.bob.id, store.Member))
	m, err := v.store.CreateMessage(t.Context(), v.alice.id, v.room.ID, store.Draft{Body: "the secret number is 42", Nonce: "1"})
	must(t, err)
	v.said = m.ID
	must(t, v.store.SetDemand(t.Context(), v.alice.id, v.room.ID, d))
	return v
}

func TestARoomAsksOnceMoreWhoSomebodyIs(t *testing.T) {
	v := openVault(t, store.Demand{MaxAge: 15 * time.Minute})
	want(t, "fresh", v.bob.get(payroll).status, http.StatusOK)
	v.pass(20 * time.Minute)
	asked := v.bob.get(payroll + "?before=99")
	want(t, "stale", asked.status, http.StatusSeeOther)
	start := asked.header.Get("Location")
	want(t, "leads to", start, "/users/login?"+url.Values{"room": {"Payroll"}, "return": {payroll + "?before=99"}}.Encode())
	begun, err := url.Parse(v.bob.get(start).header.Get("Location"))
	must(t, err)
	want(t, "asks the provider for", begun.Query().Get("max_age"), "900")
	done := v.bob.through(start, url.Values{"account": {"bob"}})
	want(t, "and comes back to", done.header.Get("Location"), payroll+"?before=99")
	want(t, "where the room is open", v.bob.get(payroll).status, http.StatusOK)
	want(t, "another room never asked", v.bob.get("/chat/General").status, http.StatusOK)
}

func TestARoomThatAsksShowsNothingToThoseWhoHaveNotConfirmed(t *testing.T) {
	for name, demand := range map[string]store.Demand{
		"of whom a sign-in is too old": {MaxAge: 15 * time.Minute}, "who signed in too weakly": {ACR: "mfa"},
	} {
		t.Run(name, func(t *testing.T) {
			v := openVault(t, demand)
			v.pass(20 * time.Minute)
			m := payroll + "/messages/" + number(v.said)
			var all []answer
			for _, path := range []string{payroll, payroll + "?after=1", m, m + "/edit", m + "/delete", payroll + "/settings"} {
				a := v.alice.get(path)
				want(t, "status of "+path, a.status, http.StatusSeeOther)
				want(t, "it leads to the provider", strings.HasPrefix(a.header.Get("Location"), "/users/login?"), true)
				scripted := v.alice.get(path, "HX-Request", "true")
				want(t, "status of "+path+" for a script", scripted.status, http.StatusForbidden)
				want(t, "its way on", scripted.page().Find("#flash a, hx-partial .flash a").AttrOr("href", ""),
					"/account/confirm?"+url.Values{"room": {"Payroll"}, "return": {payroll}}.Encode())
				all = append(all, a, scripted)
			}
			words := url.Values{"body": {"what I was writing"}, "max_age": {"0"}}
			for _, path := range []string{payroll + "/messages", m + "/edit", m + "/delete", payroll + "/settings"} {
				a := v.alice.post(path, words)
				want(t, "status of posting to "+path, a.status, http.StatusForbidden)
				want(t, "what it says", a.page().Find("h1").Text(), "This room wants to know that it is you")
				want(t, "its way on", a.page().Find("main a.button").AttrOr("href", ""),
					"/account/confirm?"+url.Values{"room": {"Payroll"}, "return": {payroll}}.Encode())
				want(t, "the draft", a.page().Find("#draft").Text(), "what I was writing")
				scripted := v.alice.post(path, words, "HX-Request", "true")
				want(t, "status of posting to "+path+" by a script", scripted.status, http.StatusForbidden)
				all = append(all, a, scripted)
			}
			stream := v.alice.get(payroll + "/events?after=0")
			plain(t, stream, http.StatusForbidden)
			dashboard := v.alice.get("/dashboard")
			card := dashboard.page().Find(`.card[href="` + payroll + `"]`)
			want(t, "the dashboard says", strings.TrimSpace(card.Find(".card__last").Text()), "Asks you to confirm who you are.")
			want(t, "and not when", card.Find("time").Length(), 0)
			for _, a := range append(all, stream, dashboard) {
				if strings.Contains(a.body, "42") && strings.Contains(a.body, "secret number") {
					t.Errorf("it is out: %s", a.body)
				}
			}
			history, err := v.store.Messages(t.Context(), v.alice.id, v.room.ID, store.Page{})
			must(t, err)
			want(t, "messages", len(history.Messages), 1)
			want(t, "the message", history.Messages[0].Body, "the secret number is 42")
		})
	}
}

func TestAStrongerSignInOpensARoomAndAWeakOneDoesNotGoRound(t *testing.T) {
	v := openVault(t, store.Demand{ACR: "mfa"})
	start := v.bob.get(payroll).header.Get("Location")
	begun, err := url.Parse(v.bob.get(start).header.Get("Location"))
	must(t, err)
	want(t, "asks the provider for", begun.Query().Get("acr_values"), "mfa")
	weak := v.bob.through(start, url.Values{"account": {"bob"}})
	want(t, "answer to a weak one", weak.status, http.StatusForbidden)
	want(t, "what it says", weak.page().Find("h1").Text(), "That was not quite enough")
	want(t, "the session goes on", v.bob.get("/chat/General").status, http.StatusOK)
	strong := v.bob.through(start, url.Values{"account": {"bob"}, "second_factor": {"yes"}})
	want(t, "a strong one leads to", strong.header.Get("Location"), payroll)
	want(t, "which is open", v.bob.get(payroll).status, http.StatusOK)
	want(t, "for bob alone", v.alice.get(payroll).status, http.StatusSeeOther)
}

func TestThePageThatSaysWhyARoomAsks(t *testing.T) {
	v := openVault(t, store.Demand{MaxAge: 15 * time.Minute})
	confirm := "/account/confirm?room=Payroll"
	want(t, "whose demand is met goes on to the room", v.bob.get(confirm).header.Get("Location"), payroll)
	v.pass(20 * time.Minute)
	for back, leads := range map[string]string{
		"": payroll, "/chat/Payroll?before=9": "/chat/Payroll?before=9", "//evil.example": "/dashboard",
	} {
		a := v.bob.get(confirm + "&return=" + url.QueryEscape(back))
		want(t, "status", a.status, http.StatusOK)
		page(t, a, true)
		doc := a.page()
		want(t, "heading", strings.Join(strings.Fields(doc.Find("h1").Text()), " "), "# Payroll wants to know that it is you")
		want(t, "why", doc.Find(".page__lead").Text(), "It asks for a sign-in within the last 15 minutes. Yours was 20 minutes ago.")
		want(t, "way on", doc.Find("main a.button").AttrOr("href", ""), "/users/login?"+url.Values{"room": {"Payroll"}, "return": {leads}}.Encode())
	}
	must(t, v.store.SetDemand(t.Context(), v.alice.id, v.room.ID, store.Demand{ACR: "mfa"}))
	want(t, "why", v.bob.get(confirm).page().Find(".page__lead").Text(), "It asks for a sign-in by mfa. You are signed in, but not in that way.")
	want(t, "for who may not see the room", v.signIn("carol").get(confirm).status, http.StatusNotFound)
}

func TestAStreamEndsWhenItsReaderHasToConfirm(t *testing.T) {
	v := openVault(t, store.Demand{})
	// Signed in a minute ago, all but two seconds: the hub's clock is the machine's.
	v.pass(-58 * time.Second)
	want(t, "coming back", v.bob.through("/users/login?return=%2Fdashboard&prompt=login", url.Values{"account": {"bob"}}).status, http.StatusSeeOther)
	v.pass(58 * time.Second)
	before := v.bob.listen(payroll + "/events?after=" + v.bob.get(payroll).cursor())
	before.hello()
	must(t, v.store.SetDemand(t.Context(), v.alice.id, v.room.ID, store.Demand{MaxAge: store.MinMaxAge}))
	before.saysGoodbye("resync") // what is asked for from now on concerns those who are there, too
	cursor := v.bob.get(payroll).cursor()
	other := v.bob.listen("/chat/General/events")
	other.hello()
	stream := v.bob.listen(payroll + "/events?after=" + cursor)
	stream.hello()
	stream.saysGoodbye("confirm")
	want(t, "its next try", v.bob.get(payroll+"/events").status, http.StatusForbidden)
	m := v.bob.say("the others go on")
	other.untilData(number(m))
}

func TestSigningInAgainIsAskedForByName(t *testing.T) {
	v := openVault(t, store.Demand{MaxAge: time.Hour, ACR: "mfa"})
	for path, asks := range map[string][3]string{ // prompt, max_age, acr_values
		"/users/login":                                {"", "", ""},
		"/users/login?prompt=login":                   {"login", "", ""},
		"/users/login?prompt=none":                    {"", "", ""},
		"/users/login?room=Payroll":                   {"login", "3600", "mfa"}, // asked anew, to have a choice
		"/users/login?max_age=60&acr=a+b":             {"login", "60", "a b"},
		"/users/login?room=Payroll&max_age=60&acr=ab": {"login", "3600", "mfa"}, // what the room asks for
	} {
		a := v.bob.get(path)
		want(t, "status of "+path, a.status, http.StatusFound)
		u, err := url.Parse(a.header.Get("Location"))
		must(t, err)
		want(t, path, [3]string{u.Query().Get("prompt"), u.Query().Get("max_age"), u.Query().Get("acr_values")}, asks)
	}
	want(t, "of a room nobody knows", v.bob.get("/users/login?room=Nowhere").status, http.StatusNotFound)
	want(t, "no number of seconds", v.bob.get("/users/login?max_age=soon").status, http.StatusUnprocessableEntity)
	want(t, "too short", v.bob.get("/users/login?max_age=1").status, http.StatusUnprocessableEntity)
	// Who it is comes first: a visitor learns nothing about rooms.
	for _, room := range []string{"Payroll", "Nowhere"} {
		want(t, "for a visitor", v.visitor().get("/users/login?room="+room).status, http.StatusFound)
	}
}
