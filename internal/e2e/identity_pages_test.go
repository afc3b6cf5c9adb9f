package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"letstalk/store"
)

// clickIn presses a button in one of the elements that match, the first whose text has that in it.
func (p *person) clickIn(selector, text, button string) {
	p.t.Helper()
	p.until(button+" of "+text, `(() => {
		document.querySelector("[data-pressed]")?.removeAttribute("data-pressed");
		const found = [...document.querySelectorAll(`+quote(selector)+`)].find((e) => e.innerText.includes(`+quote(text)+`));
		found?.querySelector(`+quote(button)+`)?.setAttribute("data-pressed", "");
		return document.querySelector("[data-pressed]");
	})()`)
	p.click("[data-pressed]")
}

func TestASessionIsEndedFromAnotherBrowser(t *testing.T) {
	story(t)
	s := start(t)
	laptop := s.visitor("bob at the laptop", true)
	laptop.screen(1440, 900, "light")
	laptop.signIn("bob", "/chat/General").live()
	phone := s.visitor("bob on the phone", true)
	phone.screen(390, 844, "light")
	phone.signIn("bob", "/chat/General").live()
	phone.write("half a thought")

	laptop.click(".header__who a")
	laptop.see("h1", "Your sessions")
	laptop.see(".row", "This browser")
	laptop.until("two sessions", `document.querySelectorAll("[data-session]").length === 2`)
	laptop.looks("sessions")
	laptop.click("[data-session] form button")
	phone.isLedOut("/chat/General")
	laptop.see(".note", "That session has ended")
	laptop.until("one session", `document.querySelectorAll("[data-session]").length === 1`)
	laptop.looks("sessions-ended")
	phone.logIn("main a.button", "bob")
	phone.live()
	if phone.draft() != "half a thought" {
		t.Errorf("the draft is %q", phone.draft())
	}

	// The same without scripts; and this browser's own is ended by logging out.
	plain := s.visitor("bob without scripts", false)
	plain.signIn("bob", "/account/sessions")
	plain.click(`form[action$="end-others"] button`)
	plain.see(".note", "All other sessions have ended")
	laptop.isLedOut("/account/sessions?done=ended")
	phone.isLedOut("/chat/General")
	plain.click(".row button")
	plain.see("a.header__out", "Log In")
}

func TestEverybodyCanReadWhyTheyAreHere(t *testing.T) {
	story(t)
	s := start(t, "GROUP_ROOMS=staff=Engineering:moderator,admins=Board")
	alice := s.visitor("alice", true)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/dashboard").live()
	alice.see(".card", "Engineering")
	alice.see(".card", "Board")
	alice.click(".header__who a")
	alice.see("h1", "Your sessions")
	alice.clickIn(".tabs", "Why am I here", `a[href="/account/access"]`)
	alice.see("h1", "Why am I here")
	alice.see(".row", `groups has "staff", by the rule staff=Engineering:moderator`)
	alice.see("main", "You are an administrator")
	alice.looks("access")
}

func TestAnAdministratorLocksSomebodyOut(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	bob.say("I was here")
	bob.see(".message__body", "I was here")
	carol := s.visitor("carol", true).signIn("carol", "/chat/General").live()
	s.caller("mallory")
	alice := s.visitor("alice", true)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/dashboard").live()

	alice.clickIn(".header__nav", "Admin", `a[href="/admin"]`)
	alice.see("h1", "People")
	alice.until("four people", `document.querySelectorAll("[data-user]").length === 4`)
	alice.looks("people")
	alice.do(setValue("#q", "zebra"))
	alice.click(".search button")
	alice.see(".empty", "zebra")
	alice.looks("people-nobody")
	alice.do(setValue("#q", "brown"))
	alice.click(".search button")
	alice.see("[data-user]", "Bob Brown")
	alice.click("[data-user]")
	alice.see("h1", "Bob Brown")
	alice.do(chromedp.SetValue(chromedp.CSS("#room"), "Sports"), chromedp.SetValue(chromedp.CSS("#role"), "moderator"))
	alice.click(".inline button")
	alice.see(".note", "The role has been given.")
	alice.see(`[data-room="Sports"]`, "given by Alice Adams")
	alice.looks("person")

	alice.click(".button--bad")
	bob.isLedOut("/chat/General")
	alice.see(".sheet__head", "Deactivated")
	alice.see("#sessions + *", "Signed in nowhere.")
	alice.looks("person-deactivated")
	carol.see(".message__author", "Bob Brown")
	carol.see(".message__body", "I was here")
	bob.expect("status of 403")
	bob.click("main a.button")
	bob.appears("button[name=account][value=bob]")
	bob.until("all of the provider's page", `document.readyState === "complete"`)
	bob.click("button[name=account][value=bob]")
	bob.see("h1", "You can't come in here any more")

	alice.clickIn("section", "They can't sign in", "button")
	alice.see(".note", "They may sign in again.")
	bob.open("/chat/General")
	bob.logIn("main a.button", "bob")
	bob.live()
	bob.see(".message__body", "I was here")
}

func TestRulesAreTriedOnClaims(t *testing.T) {
	story(t)
	s := start(t, "GROUP_ROOMS=eng-*=Engineering:moderator,staff=General", "ALLOWED_GROUPS=staff,eng-*")
	alice := s.visitor("alice", true)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/admin/rules").live()
	alice.see(".facts-list", "who is in eng-* is a moderator of Engineering")
	alice.do(setValue("#claims", `{"groups": ["staff", "eng-web"]}`))
	alice.clickIn("form", "Claims", "button")
	alice.see("#verdict", `Moderator of Engineering: groups has "eng-web", by the rule eng-*=Engineering:moderator`)
	alice.looks("rules")
	alice.do(setValue("#claims", `{"groups": ["visitors"]}`))
	alice.clickIn("form", "Claims", "button")
	alice.see("#verdict", "Would not be let in")
	alice.looks("rules-refused")
	alice.expect("status of 422")
	alice.do(setValue("#rules", "eng\nstaff=General:king"))
	alice.clickIn("form", "Claims", "button")
	alice.see(".field .flash", "is no rule")
	alice.see(".field .flash", "is no role")
	alice.looks("rules-wrong")
}

func TestTheAuditLogIsLookedThrough(t *testing.T) {
	story(t)
	s := start(t, "GROUP_ROOMS=staff=Engineering:moderator")
	s.caller("bob")
	s.caller("carol")
	db := s.operator()
	if err := db.SetAdmin(t.Context(), store.Operator, s.userID(db, "carol"), true); err != nil {
		t.Fatal(err)
	}
	alice := s.visitor("alice", true)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/admin/audit").live()
	alice.see(".entry", "Whoever runs the machine made Carol Chen an administrator")
	alice.see(".entry", "Bob Brown became a moderator of Engineering")
	alice.see(".entry__claim", `groups has "staff", by the rule staff=Engineering:moderator`)
	alice.looks("audit")
	alice.do(chromedp.SetValue(chromedp.CSS("#kind"), "signin"), setValue("#person", "a"))
	alice.click(".filter button")
	alice.see("main", "Whom do you mean?")
	alice.looks("audit-who")
	alice.clickIn(".chips", "Carol Chen", `a[href*="person=2"]`)
	alice.see(".picked", "Carol Chen")
	alice.until("one entry", `document.querySelectorAll(".entry").length === 1`)
	alice.see(".entry", "Carol Chen signed in from 127.0.0.1")
	alice.looks("audit-filtered")
	alice.do(chromedp.SetValue(chromedp.CSS("#kind"), "audit.exported"))
	alice.click(".filter button")
	alice.see(".empty", "Nothing like that has been noted.")
	alice.looks("audit-nothing")
	alice.expect("status of 422")
	alice.open("/admin/audit?from=2025-11-09&to=2025-11-01")
	alice.see(".field .flash", "This is before the first day.")
	alice.looks("audit-wrong")
}

func TestModeratorsDeleteWhatOthersWroteWithAndWithoutScripts(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.visitor("bob", true).signIn("bob", "/chat/General").live()
	bob.say("rude words")
	bob.see(".message__body", "rude words")
	s.caller("carol").post("and more of them")
	bob.see(".message__body", "and more of them")
	// To change one's own is everybody's; what others wrote, a moderator may only delete.
	offered := func(p *person) string {
		return eval[string](p, `[...document.querySelectorAll(".message")].map((m) =>
			[...m.querySelectorAll(".message__actions a")].filter((a) => a.checkVisibility()).map((a) => a.innerText).join(" ")).join(", ")`)
	}
	if got := offered(bob); got != "Edit Delete, " {
		t.Errorf("bob is offered %q", got)
	}
	for name, scripts := range map[string]bool{"alice": true, "alice without scripts": false} {
		alice := s.visitor(name, scripts)
		alice.screen(1440, 900, "light")
		alice.signIn("alice", "/chat/General")
		alice.see(".message__author", "Bob Brown")
		words := "rude words"
		if scripts {
			alice.live()
			if got := offered(alice); got != "Delete, Delete" {
				t.Errorf("alice is offered %q", got)
			}
			alice.say("Please be kind.")
			alice.see(".message__body", "Please be kind.")
			if got := offered(alice); got != "Delete, Delete, Edit Delete" {
				t.Errorf("alice is offered %q", got)
			}
		}
		if !strings.Contains(strings.Join(alice.bodies(), "\n"), words) {
			words = "and more of them"
		}
		mark := eval[string](alice, `[...document.querySelectorAll(".message")].find((m) => m.innerText.includes(`+quote(words)+`)).id`)
		alice.do(hover("#" + mark))
		alice.click("#" + mark + " a[href$=delete]")
		alice.see(".editor__ask", "It is noted that you deleted what")
		alice.shot("moderate-" + strings.ReplaceAll(name, " ", "-"))
		alice.click(".editor__form .button--bad")
		alice.see("#"+mark, "This message was deleted.")
		bob.see("#"+mark, "This message was deleted.")
	}
}
