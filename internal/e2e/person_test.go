package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// person is somebody with a browser of their own: cookies and storage are shared with nobody.
type person struct {
	t    *testing.T
	site *door
	name string
	ctx  context.Context

	close func() // closes the tab

	mu         sync.Mutex
	complaints []string // console errors, exceptions and CSP violations
	expected   []string // parts of complaints the story provokes
}

// visitor opens a browser; scripts says whether it runs any.
func (s *door) visitor(name string, scripts bool) *person {
	s.t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	s.t.Cleanup(cancel)
	p := &person{t: s.t, site: s, name: name, ctx: ctx, close: cancel}
	p.begin()
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
	return p
}

// tab opens another tab in the same window, in front of those that are there: they are hidden.
func (p *person) tab() *person {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithNewWindow(false))
	p.t.Cleanup(cancel)
	other := &person{t: p.t, site: p.site, name: p.name + "'s other tab", ctx: ctx, close: cancel}
	other.begin()
	return other
}

// front shows the tab, and hides the one that was in front.
func (p *person) front() *person {
	p.t.Helper()
	call(p, page.BringToFront, cdp.Empty{})
	p.until("the tab in front", `document.visibilityState === "visible"`)
	return p
}

// begin opens the tab and watches its console until the test ends.
func (p *person) begin() {
	p.t.Helper()
	if err := chromedp.Listen(p.ctx, p.listen); err != nil {
		p.t.Fatal(err)
	}
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	if strings.HasPrefix(p.site.base, "https:") { // no browser trusts the certificates of tests
		call(p, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	}
	p.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.complaints {
			p.t.Errorf("%s's browser complains: %s", p.name, c)
		}
	})
}

// signIn goes to a path and through the provider as a demo account.
func (p *person) signIn(account, path string) *person {
	p.t.Helper()
	p.open(path)
	p.see("main h1", "Please log in")
	p.click("main a.button")
	p.appears(fmt.Sprintf(`button[name=account][value=%s]`, account))
	p.until("all of the provider's page", `document.readyState === "complete"`) // its style moves the buttons
	p.click(fmt.Sprintf(`button[name=account][value=%s]`, account))
	p.see(".header__who", "Signed in as")
	return p
}

// listen collects what a browser's console would show in red.
func (p *person) listen(event any) {
	var complaint string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint = (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			args, _ := json.Marshal(e.Args)
			complaint = string(args)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			complaint = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if complaint == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range p.expected {
		if strings.Contains(complaint, part) {
			return
		}
	}
	p.complaints = append(p.complaints, complaint)
}

// expectCuts says that the story cuts the network.
func (p *person) expectCuts() {
	p.expect("net::ERR_", "htmx:sse:error", "htmx:error", "status of 502", "status of 503")
}

// expect says that the story provokes complaints with that text, for example by cutting the network.
func (p *person) expect(parts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, parts...)
}

func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	run(p, chromedp.Steps(steps...))
}

// run performs an action and returns its value.
func run[T any](p *person, action chromedp.Action[T]) T {
	p.t.Helper()
	v, err := try(p, action)
	if err != nil {
		p.fail(err)
	}
	return v
}

func try[T any](p *person, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// call sends a command of the DevTools protocol.
func call[P, R any](p *person, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	return run(p, action(command, params))
}

// action is a command of the DevTools protocol, to be sent.
func action[P, R any](command cdp.Command[P, R], params P) chromedp.Action[R] {
	return func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) }
}

// fail ends the test with what the person sees.
func (p *person) fail(err error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	p.t.Fatalf("%s: %v\nat %s the page reads:\n%s\nthe program wrote:\n%s", p.name, err, at, text, p.site.written())
}

func (p *person) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.site.base + path))
}

func (p *person) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// write types into the composer.
func (p *person) write(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.ID("body"), text))
}

// post writes a message and sends it with the button.
func (p *person) post(text string) {
	p.t.Helper()
	p.write(text)
	p.click(".composer__send")
}

// eval returns the value of an expression in the page, or of its promise.
func eval[T any](p *person, expression string) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits for an expression to hold. Between two looks it yields to the browser for a moment; the pages run without
// scripts too, so the page itself can't be asked to tell.
func (p *person) until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		holds, err := try(p, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			p.fail(fmt.Errorf("never saw %s (%v)", what, err))
		}
		<-look.C
	}
}

func (p *person) appears(selector string) {
	p.t.Helper()
	p.until(selector, fmt.Sprintf(`document.querySelector(%s)`, quote(selector)))
}

// see waits until an element that matches shows the text.
func (p *person) see(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q in %s", text, selector),
		fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.innerText.includes(%s))`, quote(selector), quote(text)))
}

// misses waits until no element matches.
func (p *person) misses(selector string) {
	p.t.Helper()
	p.until("no "+selector, fmt.Sprintf(`!document.querySelector(%s)`, quote(selector)))
}

// shows reports whether a person could see an element that matches.
func (p *person) shows(selector string) bool {
	p.t.Helper()
	return eval[bool](p, fmt.Sprintf(
		`[...document.querySelectorAll(%s)].some(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}))`, quote(selector)))
}

// say writes a message and sends it with Enter.
func (p *person) say(text string) {
	p.t.Helper()
	p.write(text)
	p.enter(0)
}

// enter presses Enter as a keyboard does: what the page does on the key's way down can keep the line break out, which a
// key sent by SendKeys has with it in any case.
func (p *person) enter(modifier int64) {
	p.t.Helper()
	down, up := enterKey(modifier)
	call(p, input.DispatchKeyEvent, down)
	call(p, input.DispatchKeyEvent, up)
}

func enterKey(modifier int64) (down, up input.DispatchKeyEventParams) {
	down = input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Modifiers: modifier,
		Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13}
	up = down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
	return down, up
}

// press presses keys with what is focused.
func (p *person) press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// cleared waits until the composer is empty: what was in it has been sent, and the page knows.
func (p *person) cleared() {
	p.t.Helper()
	p.until("an empty composer", `document.getElementById("body").value === ""`)
}

// draft returns what is in the composer.
func (p *person) draft() string {
	p.t.Helper()
	return eval[string](p, `document.getElementById("body").value`)
}

// reads fails the test unless the page's messages are these, once each and in this order.
func (p *person) reads(want ...string) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.bodies()); diff != "" {
		p.t.Errorf("%s reads (-want +got):\n%s", p.name, diff)
	}
}

// bodies returns the messages in the page, oldest first.
func (p *person) bodies() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.querySelectorAll("#scroll .message .message__body")].map(e => e.innerText.trim())`)
}

// waits waits until words are shown as not sent yet, and why.
func (p *person) waits(words, why string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q waiting: %s", words, why), fmt.Sprintf(`[...document.querySelectorAll(".outbox__item")].some((e) =>
		e.checkVisibility({visibilityProperty: true}) && e.querySelector(".outbox__words").textContent === %s && e.innerText.includes(%s))`, quote(words), quote(why)))
}

// act presses a button of words that wait to be sent.
func (p *person) act(words, button string) {
	p.t.Helper()
	mark := fmt.Sprintf(`[...document.querySelectorAll(".outbox__item")].find((e) => e.innerText.includes(%s)).querySelectorAll("button")`, quote(words))
	eval[any](p, fmt.Sprintf(`[...%s].find((b) => b.innerText === %s).setAttribute("data-act", "")`, mark, quote(button)))
	p.click("[data-act]")
}

// title waits for what the tab is called.
func (p *person) title(want string) {
	p.t.Helper()
	p.until(fmt.Sprintf("the title %q", want), fmt.Sprintf(`document.title === %s`, quote(want)))
}

// state waits for what the connection light says.
func (p *person) state(state string) {
	p.t.Helper()
	p.until("the light saying "+state, fmt.Sprintf(`document.querySelector("#light[data-state=%s]")`, state))
}

// online has the browser believe that it has a network, or none.
func (p *person) online(yes bool) {
	p.t.Helper()
	call(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{
		Offline: !yes, DownloadThroughput: -1, UploadThroughput: -1,
	})
}

// live waits for the connection light.
func (p *person) live() *person {
	p.t.Helper()
	p.state("live")
	return p
}

// screen sets the size of the window and the colour scheme.
func (p *person) screen(width, height int64, scheme string) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		// Without motion a picture taken at once shows the end of it.
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// shot keeps a picture of the page in the folder LETSTALK_SHOTS, for people to look at.
func (p *person) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("LETSTALK_SHOTS")
	if dir == "" {
		return
	}
	png := run(p, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func hover(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		box, err := chromedp.Dimensions(chromedp.CSS(selector))(ctx, t)
		if err != nil {
			return err
		}
		x, y := (box.Content[0]+box.Content[2])/2, (box.Content[1]+box.Content[5])/2
		_, err = chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y)(ctx, t)
		return err
	}))
}

func setValue(selector, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SetValue(chromedp.CSS(selector), text)
}

// walk scrolls towards the newest messages until the room is live.
func (p *person) walk() {
	p.t.Helper()
	p.until("the end of the room", `(() => {
		const s = document.getElementById("scroll");
		s.scrollTop = s.scrollHeight;
		return document.getElementById("messages") && !document.querySelector("[data-more=newer]");
	})()`)
}
