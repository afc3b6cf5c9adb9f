package e2e

import (
	"context"
	"fmt"
	"strings"
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
	well    time.Time // when it was last all there, or loaded again because it was not
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
	At      string // its address
	Loading string // complete, if it no longer is
	Broken  bool   // it is the browser's error page, or a part of it did not load
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
		At: location.href, Loading: document.readyState, Broken: broken, Live: light?.dataset.state === "live",
		Listing: Boolean(by("messages")), Value: by("body")?.value ?? "",
		Unsent: document.querySelectorAll(".outbox__item").length, Flash: by("flash")?.innerText ?? "",
	};
})()`

// glance looks at the page and reports whether it is all there. One that did not load is loaded again, as people do: soon
// if it has come to an end, after a while if it does not.
func (p *openPage) glance(ctx context.Context) (glance, bool) {
	g, err := briefly(ctx, p, chromedp.Evaluate[glance](look))
	whole := err == nil && !g.Broken
	wait := 10 * time.Second
	if err == nil && (g.Loading == "complete" || strings.HasPrefix(g.At, "chrome-error:")) {
		wait = time.Second
	}
	switch {
	case whole:
		p.well = time.Now()
	case time.Since(p.well) > wait:
		p.well = time.Now()
		_, _ = briefly(ctx, p, action(page.Navigate, page.NavigateParams{URL: p.site.base + "/chat/General"}))
		p.reloads++
	}
	return g, whole
}

// briefly does something on a page that may be about to go.
func briefly[T any](ctx context.Context, p *openPage, action chromedp.Action[T]) (T, error) {
	both, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return chromedp.Run(both, action)
}

// toEnd goes to the newest messages if the page shows an older part, as people do.
func (p *openPage) toEnd(ctx context.Context, g glance) {
	if !g.Listing {
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
		at, whole := w.glance(ctx)
		switch {
		case !whole:
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
