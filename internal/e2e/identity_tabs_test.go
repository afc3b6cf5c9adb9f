package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// window opens a tab in a window of its own, so that the tabs in front elsewhere stay visible.
func (p *person) window() *person {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithNewWindow(true))
	p.t.Cleanup(cancel)
	other := &person{t: p.t, site: p.site, name: p.name + "'s other window", ctx: ctx, close: cancel}
	other.begin()
	return other
}

// isLedOut waits until the page has gone to where people log in, and would bring them back to a path.
func (p *person) isLedOut(back string) {
	p.t.Helper()
	p.until("the page that asks to log in, and leads back to "+back,
		fmt.Sprintf(`location.pathname === "/account/login" && new URLSearchParams(location.search).get("return") === %s`, quote(back)))
	p.see("main h1", "Please log in")
}

// logIn goes through the provider from a page with a button that leads there.
func (p *person) logIn(button, account string) {
	p.t.Helper()
	p.click(button)
	p.appears(fmt.Sprintf(`button[name=account][value=%s]`, account))
	p.until("all of the provider's page", `document.readyState === "complete"`)
	p.click(fmt.Sprintf(`button[name=account][value=%s]`, account))
	p.see(".header__who", "Signed in as")
}

// streams reports whether the tab has its stream.
const hasStream = `Boolean(document.getElementById("stream")._htmx?.sse)`

func TestLoggingOutInOneTabLeadsOutAllOthersAndKeepsWhatIsWritten(t *testing.T) {
	story(t)
	s := start(t)
	listening := s.visitor("alice", true).signIn("alice", "/chat/General").live()
	listening.say("said")
	listening.see(".message__body", "said")
	listening.cleared()
	listening.press(kb.ArrowUp)
	listening.appears(".editor textarea")
	listening.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), " and changed"))
	resting := listening.tab()
	resting.open("/chat/Music?x=1")
	resting.live()
	resting.write("half a thought")
	listening.until("a stream in a hidden tab", "document.hidden && "+hasStream)
	out := resting.tab()
	out.open("/dashboard")
	out.live()
	resting.until("no stream in the other", "document.hidden && !"+hasStream)
	visible := out.window()
	visible.open("/chat/Sports")
	visible.live()
	out.front()

	out.click("[data-log-out] button")
	visible.isLedOut("/chat/Sports")
	listening.isLedOut("/chat/General")
	resting.isLedOut("/chat/Music?x=1")
	out.see("a.header__out", "Log In")
	resting.front()
	resting.shot("led-out")

	// What was written is there again, once somebody looks.
	resting.logIn("main a.button", "alice")
	resting.live()
	if at := eval[string](resting, `location.pathname + location.search`); at != "/chat/Music?x=1" || resting.draft() != "half a thought" {
		t.Errorf("she is back at %s with %q", at, resting.draft())
	}
	listening.front()
	listening.do(chromedp.Reload())
	listening.appears(".editor textarea")
	listening.until("the change that was begun", `document.querySelector(".editor textarea").value === "said and changed"`)
	listening.press(kb.Escape)
	listening.misses(".editor")

	// What was given up is not, and neither is what was saved.
	listening.press(kb.ArrowUp)
	listening.appears(".editor textarea")
	listening.until("the message as it is", `document.querySelector(".editor textarea").value === "said"`)
	listening.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), " again"))
	listening.enter(0)
	listening.see(".message__body", "said again")
	listening.misses(".editor")
	if kept := eval[string](listening, `Object.keys(localStorage).join()`); strings.Contains(kept, "edit ") {
		t.Errorf("the browser keeps %s", kept)
	}
}

func TestTabOfWhoWasSignedInBeforeIsNotReadByWhoIsNow(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)
	alice.write("for my eyes")
	net.cut(streams)
	alice.state("reconnecting")
	// Nobody can tell her tab: it has no stream and does not listen to the others.
	eval[any](alice, `dispatchEvent(new PageTransitionEvent("pagehide"))`)
	bob := alice.tab()
	bob.expectCuts()
	bob.open("/")
	bob.click("[data-log-out] button")
	bob.see("a.header__out", "Log In")
	bob.signIn("bob", "/chat/Music")
	net.mend()
	bob.live()
	alice.front()
	alice.see(".header__who", "Signed in as Bob")
	alice.live()
	if alice.draft() != "" {
		t.Errorf("he finds %q", alice.draft())
	}
}

func TestTabsOfAnotherLoginStayWhereTheyAre(t *testing.T) {
	story(t)
	_, net, alice := aliceBehind(t)
	other := alice.tab()
	other.open("/chat/Music")
	other.live()
	var led []string
	net.lose(func(r *http.Request) bool {
		if r.URL.Path == "/account/login" {
			led = append(led, r.URL.Query().Get("return"))
		}
		return false
	})
	// A tab from before tells of a login that is not this one, and then one of this one does.
	id := eval[string](other, `document.body.dataset.loginId`)
	for _, tab := range []*person{alice, other} {
		eval[any](tab, `document.body.dataset.old = ""`)
	}
	speaker := other.window()
	speaker.open("/")
	eval[any](speaker, fmt.Sprintf(`{ const c = new BroadcastChannel("letstalk"); for (const id of [%s, "", %s]) c.postMessage(id); c.close(); }`, quote(id+"0"), quote(id)))
	for _, tab := range []*person{alice, other} {
		tab.until("the page anew", `document.body && !("old" in document.body.dataset) && document.getElementById("stream")`)
	}
	net.mend()
	slices.Sort(led)
	if want := []string{"/chat/General", "/chat/Music"}; !slices.Equal(led, want) {
		t.Errorf("they were led away from %q, want %q", led, want)
	}
}

func TestPageWarnsBeforeTheSessionEndsAndTheDraftOutlivesIt(t *testing.T) {
	story(t)
	s := start(t, "SESSION_LIFETIME=4m")
	plain := s.visitor("bob", false).signIn("bob", "/chat/General")
	plain.see("#ending", "Your session ends at")
	plain.see("#ending time", "UTC")

	alice := s.visitor("alice", true).signIn("alice", "/chat/General?x=1").live()
	alice.see("#ending", "Sign in again to stay; what you have written is kept.")
	alice.until("the time here", `document.querySelector("#ending time").dataset.local === ""`)
	alice.looks("ending")
	alice.open("/dashboard")
	alice.live()
	alice.looks("ending-dashboard")
	alice.open("/chat/General?x=1")
	alice.live()
	alice.write("half a thought")
	id := eval[string](alice, `document.body.dataset.loginId`)
	ends := eval[string](alice, `document.getElementById("ending").dataset.expires`)
	other := alice.window()
	other.open("/chat/Music")
	other.live()
	alice.logIn("#ending a.button", "alice")
	alice.live()
	if at := eval[string](alice, `location.pathname + location.search`); at != "/chat/General?x=1" || alice.draft() != "half a thought" {
		t.Errorf("she is back at %s with %q", at, alice.draft())
	}
	// It is the same login, which ends later, and her other tabs go on.
	alice.until("a later end", fmt.Sprintf(`document.getElementById("ending").dataset.expires > %s`, quote(ends)))
	if again := eval[string](alice, `document.body.dataset.loginId`); again != id {
		t.Errorf("login %s became %s", id, again)
	}
	other.say("still here")
	other.see(".message__body", "still here")
}

func TestPageThatStaysOpenFindsOutThatItsSessionEnds(t *testing.T) {
	story(t)
	for lifetime, warned := range map[string]bool{"4m": true, "720h": false} {
		alice := start(t, "SESSION_LIFETIME="+lifetime).visitor("alice", true).signIn("alice", "/chat/General").live()
		// As if the page had been loaded long ago, or somebody had signed in again since; then its stream breaks off.
		eval[any](alice, `{
			const place = document.getElementById("ending");
			place.replaceChildren();
			place.dataset.expires = place.dataset.old = new Date(Date.now() + 200_000).toISOString();
			document.getElementById("stream")._htmx.sse.abortController.abort();
		}`)
		alice.until("the end as it is", `(({ expires, old }) => expires !== old)(document.getElementById("ending").dataset)`)
		if shown := alice.shows("#ending p"); shown != warned {
			t.Errorf("of a session of %s it warns: %v", lifetime, shown)
		}
	}
}
