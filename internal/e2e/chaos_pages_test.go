package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// openPage is a tab of a real browser in General.
type openPage struct {
	*person
	shows   int
	reloads int
	mended  time.Time // when it was last reloaded because it was broken
}

// Nothing here waits for the page, nor is sure to reach it: while it is on its way to another document, over a line that may
// be dark, the browser holds back what it is told.

// show puts the tab in front, and hides the one that was there.
func (p *openPage) show() {
	if _, err := briefly(p.t.Context(), p, action(page.BringToFront, cdp.Empty{})); err == nil {
		p.shows++
	}
}

// renew reloads the page.
func (p *openPage) renew() {
	if _, err := briefly(p.t.Context(), p, action(page.Reload, page.ReloadParams{})); err == nil {
		p.reloads++
	}
}

// connect has the browser believe that it has a network, or none.
func (p *openPage) connect(yes bool) {
	_, _ = briefly(p.t.Context(), p, action(network.OverrideNetworkState, network.OverrideNetworkStateParams{
		Offline: !yes, DownloadThroughput: -1, UploadThroughput: -1,
	}))
}

// glance is what a person sees of a page at one moment.
type glance struct {
	Whole   bool // it is loaded, well or badly
	Broken  bool // it is the browser's error page, or a part of it did not load
	Live    bool
	Listing bool // its list goes on with what is new
	Value   string
	Unsent  int // messages that wait to be sent
	Flash   string
}

const look = `(() => {
	const by = (id) => document.getElementById(id), light = by("light");
	const broken = !by("room") || !window.htmx || light.hidden || getComputedStyle(by("scroll")).overflowY === "visible";
	return {
		Whole: document.readyState === "complete", Broken: broken, Live: light?.dataset.state === "live",
		Listing: Boolean(by("messages")), Value: by("body")?.value ?? "",
		Unsent: document.querySelectorAll(".outbox__item").length, Flash: by("flash")?.innerText ?? "",
	};
})()`

func (p *openPage) glance(ctx context.Context) (glance, error) {
	return briefly(ctx, p, chromedp.Evaluate[glance](look))
}

// briefly does something on a page that may be about to go.
func briefly[T any](ctx context.Context, p *openPage, action chromedp.Action[T]) (T, error) {
	both, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return chromedp.Run(both, action)
}

// repair reloads a page that did not load, as people do.
func (p *openPage) repair(ctx context.Context, g glance) {
	if g.Broken && g.Whole && time.Since(p.mended) > time.Second {
		p.mended = time.Now()
		_, _ = briefly(ctx, p, chromedp.Evaluate[any](`setTimeout(() => location.replace(`+quote(p.site.base+"/chat/General")+`)), 0`))
		p.reloads++
	}
}

// toEnd goes to the newest messages if the page shows an older part, as people do.
func (p *openPage) toEnd(ctx context.Context, g glance) {
	if !g.Broken && !g.Listing {
		_, _ = briefly(ctx, p, chromedp.Evaluate[any](`document.getElementById("new-messages").click()`))
	}
}

func (p *openPage) has(ctx context.Context, id string) bool {
	there, err := briefly(ctx, p, chromedp.Evaluate[bool](`Boolean(document.querySelector("#messages > #m-`+id+`"))`))
	return err == nil && there
}

// typist writes messages in the page's composer and sends them with Enter. Once the words have left the composer they are
// the page's to deliver, over reloads too.
type typist struct{ *openPage }

func (w *typist) perform(ctx context.Context, begin time.Time, ops []op) error {
	for _, o := range ops {
		if err := wait(ctx, begin.Add(o.at)); err != nil {
			return err
		}
		if err := w.send(ctx, o.body); err != nil {
			return fmt.Errorf("typing %q: %w", o.body, err)
		}
	}
	return nil
}

func (w *typist) send(ctx context.Context, words string) error {
	for entered := false; ; {
		at, err := w.glance(ctx)
		switch {
		case err != nil: // the page is on its way
		case at.Broken:
			w.repair(ctx, at)
		case at.Flash != "":
			return odd("the page says %q", at.Flash)
		case entered && at.Value == "":
			return nil
		case entered && at.Value != words:
			return odd("%q was entered, the composer has %q", words, at.Value)
		case at.Value == words:
			entered = true
			w.enter(ctx)
		default:
			w.retype(ctx, words)
		}
		if err := wait(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return fmt.Errorf("%w; it has come to %+v", err, at)
		}
	}
}

func (w *typist) enter(ctx context.Context) {
	down, up := enterKey(0)
	for _, key := range []input.DispatchKeyEventParams{down, up} {
		_, _ = briefly(ctx, w.openPage, action(input.DispatchKeyEvent, key))
	}
}

func (w *typist) retype(ctx context.Context, words string) {
	_, _ = briefly(ctx, w.openPage, chromedp.Evaluate[any](`(() => {
		const body = document.getElementById("body");
		body.focus();
		body.select();
	})()`))
	_, _ = briefly(ctx, w.openPage, action(input.InsertText, input.InsertTextParams{Text: words}))
}
