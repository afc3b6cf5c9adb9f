package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

var sizes = []struct{ width, height int64 }{{320, 640}, {390, 844}, {768, 1024}, {1440, 900}}

// looks checks the page in all sizes and colours, and keeps pictures of it.
func (p *person) looks(name string) {
	p.t.Helper()
	for _, size := range sizes {
		for _, scheme := range []string{"light", "dark"} {
			p.screen(size.width, size.height, scheme)
			if wide := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				p.t.Errorf("%s at %d pixels is %d too wide", name, size.width, wide)
			}
			if size.width > 320 {
				p.shot(fmt.Sprintf("%s-%d-%s", name, size.width, scheme))
			}
		}
	}
	p.screen(1440, 900, "light")
}

func TestThePagesOfVisitorsLookRightEverywhere(t *testing.T) {
	story(t)
	s := start(t)
	p := s.visitor("somebody", true)
	p.looks("blank")
	p.open("/")
	p.see("h1", "Talk with your team")
	p.looks("home")
	p.open("/chat/General/messages/7?x=%2F")
	p.see("h1", "Please log in")
	p.looks("please-log-in")
	p.click("main a.button")
	p.appears("button[name=account]")
	p.looks("provider")
	// Who says no there is told so, and may think again.
	p.expect("status of 403")
	p.click("button[name=refuse]")
	p.see("h1", "You were not signed in")
	p.see("main a.button", "Try again")
	p.looks("refused")
	p.click("main a.button")
	p.appears("button[name=account]")

	p.expect("status of 400")
	p.open("/authorization-code/callback?state=made-up&code=x")
	p.see("h1", "This sign-in has expired")
	p.see("main a.button", "Try again")
	p.looks("expired")
	p.expect("status of 404")
	p.open("/no/such/page")
	p.see("h1", "There is nothing here")
	p.looks("not-found")
}

func TestAProviderThatIsDownIsAPageThatOffersToTryAgain(t *testing.T) {
	story(t)
	// Nobody listens on port 1.
	s := start(t, "OIDC_ISSUER=http://127.0.0.1:1", "OIDC_CLIENT_ID=letstalk")
	p := s.visitor("somebody", true)
	p.open("/")
	p.expect("status of 503")
	p.click("main a.button")
	p.see("h1", "The identity provider does not answer")
	p.see("main a.button", "Try again")
	p.looks("provider-down")
}

func TestThePagesOfMembersLookRightEverywhere(t *testing.T) {
	story(t)
	s := start(t)
	bob := s.caller("bob")
	mallory := s.caller("mallory")
	theirs := bob.post("The reconnect test is green on **100** seeds. 0 lost, 0 doubled.")
	bob.post("A list:\n\n- one\n- two with `code`\n\n```go\nfunc main() { println(\"a line of code that is longer than any phone is wide, and then some more of it\") }\n```")
	mallory.post("https://example.org/a/very/long/address/that/does/not/fit/on/a/phone/because/it/has/no/spaces/at/all?and=parameters&that=go&on=and&on=1")
	bob.post("| a | table | with | many | columns |\n|---|---|---|---|---|\n| and | cells | of | some | contents |\n\n> and a quotation\n\n日本語のテキスト 🎉 Ελληνικά עברית")
	alice := s.visitor("alice", true)
	alice.screen(1440, 900, "light")
	alice.signIn("alice", "/dashboard").live()
	alice.see(".card", "General")
	alice.looks("dashboard")
	alice.open("/chat/Music")
	alice.live()
	alice.see(".empty", "Nobody has said anything yet")
	alice.looks("room-empty")
	alice.open("/chat/General")
	alice.live()
	alice.say("On it. You will have a draft in ten minutes.")
	alice.see(".message__body", "On it.")
	alice.say("And one more")
	alice.see(".message__body", "And one more")
	bob.post("🎉")
	alice.see(".message__body", "🎉")
	alice.looks("room")
	mine := eval[string](alice, `[...document.querySelectorAll(".message")].find(m => m.innerText.includes("On it.")).dataset.seq`)
	alice.open("/chat/General/messages/" + mine + "/edit")
	alice.see("h1", "Edit your message")
	alice.looks("edit")
	alice.open("/chat/General/messages/" + mine + "/delete")
	alice.see("h1", "Delete this message?")
	alice.looks("delete-page")
	alice.expect("status of 403", "status of 404")
	alice.open("/chat/General/messages/" + theirs + "/edit")
	alice.see("h1", "That is not yours to do")
	alice.looks("forbidden")
	alice.open("/chat/Nowhere")
	alice.see("h1", "There is nothing here")
	alice.looks("no-room")
}

func TestARefusedPlainFormLooksRightEverywhere(t *testing.T) {
	story(t)
	s := start(t)
	alice := s.visitor("alice", false)
	alice.expect("status of 422")
	alice.signIn("alice", "/chat/General")
	alice.do(setValue("#body", " "))
	alice.click(".composer__send")
	alice.appears(".flash")
	alice.looks("unprocessable")
}

// traffic counts the bytes that come in, by address.
func (p *person) traffic() func() (total float64, page float64) {
	p.t.Helper()
	var mu sync.Mutex
	bytes := map[network.RequestID]float64{}
	urls := map[network.RequestID]string{}
	if err := chromedp.Listen(p.ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			urls[e.RequestID] = e.Request.URL
		case *network.EventResponseReceived:
			bytes[e.RequestID] = max(bytes[e.RequestID], e.Response.EncodedDataLength)
		case *network.EventDataReceived:
			bytes[e.RequestID] += float64(e.EncodedDataLength)
		case *network.EventLoadingFinished:
			bytes[e.RequestID] = e.EncodedDataLength
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, network.ClearBrowserCache, cdp.Empty{})
	return func() (total, page float64) {
		mu.Lock()
		defer mu.Unlock()
		for id, n := range bytes {
			p.t.Logf("%6.0f bytes %s", n, urls[id])
			total += n
			if urls[id] == p.site.base+"/chat/General" {
				page = n
			}
		}
		return total, page
	}
}

func TestAFirstVisitIsLight(t *testing.T) {
	story(t)
	s := start(t)
	bob, carol := s.caller("bob"), s.caller("carol")
	for i := range 25 {
		bob.post(fmt.Sprintf("Number %d: the reconnect test is green again. Shall we try **the other** one?", i))
		carol.post(fmt.Sprintf("Yes, and then `make bench` for the %dth time; the figures go into the note.", i))
	}
	alice := s.visitor("alice", true).signIn("alice", "/dashboard").live()
	sum := alice.traffic()
	alice.open("/chat/General")
	alice.live()
	if n := alice.messages(); n != 50 {
		t.Fatalf("the page has %d messages", n)
	}
	total, page := sum()
	t.Logf("the first visit takes %.1f KB, of which the page %.1f KB", total/1000, page/1000)
	if total > 40_000 {
		t.Errorf("the first visit takes %.0f bytes, want 40,000 at most", total)
	}
	if page == 0 || page > 10_000 {
		t.Errorf("the page takes %.0f bytes, want 10,000 at most", page)
	}
}
