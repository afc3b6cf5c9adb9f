package handlers_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/views"
)

// ticket makes a rehearsal as the program on the site's machine does.
func (s *site) ticket() string {
	s.Helper()
	ticket := auth.NewRehearsal()
	must(s, s.store.CreateRehearsal(s.Context(), auth.KeptRehearsal(ticket), time.Minute))
	return ticket
}

// rehearse goes through the provider with a ticket and returns the page at the end.
func (p *person) rehearse(account, ticket string) answer {
	p.Helper()
	begun := p.get(views.RehearseURL(ticket))
	want(p, "beginning", begun.status, http.StatusFound)
	form := p.get(begun.header.Get("Location")).page().Find("form:has(button[name=account])")
	target, err := url.Parse(begun.header.Get("Location"))
	must(p, err)
	target, err = target.Parse(form.AttrOr("action", ""))
	must(p, err)
	picked := p.post(target.String(), url.Values{"ticket": {form.Find("input[name=ticket]").AttrOr("value", "")}, "account": {account}})
	return p.get(picked.header.Get("Location"))
}

func TestRehearsalSignsNobodyIn(t *testing.T) {
	s := open(t, setup{})
	visitor, ticket := s.visitor(), s.ticket()
	end := visitor.rehearse("alice", ticket)
	want(t, "status at the end", end.status, http.StatusOK)
	if !strings.Contains(end.page().Find("main").Text(), "Go back to the terminal") {
		t.Errorf("it ends with %s", end.body)
	}
	want(t, "who came is no visitor any more", visitor.get("/dashboard").status, http.StatusSeeOther)
	outcome, err := s.store.Rehearsal(t.Context(), auth.KeptRehearsal(ticket))
	must(t, err)
	got, err := auth.ParseRehearsed(outcome)
	must(t, err)
	want(t, "who it was", got.Name+" "+got.Email+got.Error, "Alice Adams alice@example.org")
	if strings.Contains(s.log.String(), ticket) {
		t.Errorf("the log holds the ticket:\n%s", s.log)
	}
	want(t, "a ticket that was used", visitor.get(views.RehearseURL(ticket)).status, http.StatusNotFound)
}

func TestRehearsalLeavesASessionAsItIs(t *testing.T) {
	s := open(t, setup{})
	bob := s.signIn("bob")
	want(t, "status at the end", bob.rehearse("alice", s.ticket()).status, http.StatusOK)
	if who := bob.get("/dashboard").page().Find("h1").Text(); !strings.Contains(who, "Bob") {
		t.Errorf("after it: %s", who)
	}
}

func TestRehearsalNeedsATicket(t *testing.T) {
	s := open(t, setup{})
	visitor := s.visitor()
	for _, path := range []string{"/users/rehearse", views.RehearseURL("x"), "/events?rehearsal=", views.RehearsalStreamURL("x")} {
		want(t, path, visitor.get(path).status, http.StatusNotFound)
	}
	want(t, "the stream of pages that are no room", visitor.get("/events").status, http.StatusUnauthorized)
}

func TestRehearsalsAreLimited(t *testing.T) {
	s := open(t, setup{rateLimit: true})
	visitor := s.visitor()
	want(t, "a guess", visitor.get(views.RehearseURL("x")).status, http.StatusNotFound)
	for range 70 { // 140 in all; an address may try 120 within a minute, and a new minute counts the last one in part
		visitor.get(views.RehearseURL("x"))
		visitor.get(views.RehearsalStreamURL("x"))
	}
	want(t, "one more", visitor.get(views.RehearseURL("x")).status, http.StatusTooManyRequests)
	want(t, "one more", visitor.get(views.RehearsalStreamURL("x")).status, http.StatusTooManyRequests)
}

// The frames that follow are read by the doctor; here it matters that the first does not wait for them.
func TestRehearsalStreamBeginsAtOnce(t *testing.T) {
	s := open(t, setup{})
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.String()+views.RehearsalStreamURL(s.ticket()), nil)
	must(t, err)
	resp, err := s.visitor().http.Do(r)
	must(t, err)
	defer resp.Body.Close()
	want(t, "Content-Type", resp.Header.Get("Content-Type"), "text/event-stream")
	want(t, "X-Accel-Buffering", resp.Header.Get("X-Accel-Buffering"), "no")
	want(t, "Cache-Control", resp.Header.Get("Cache-Control"), "no-store")
	in := bufio.NewReader(resp.Body)
	for _, line := range []string{"event: rehearsal\n", "data: {\"address\":\"127.0.0.1\"}\n", "\n"} {
		got, err := in.ReadString('\n')
		must(t, err)
		want(t, "line", got, line)
	}
}
