package e2e

import (
	"net/http"
	"net/url"
	"sync"
)

// employ has orders carried out until the test ends: in the order in which they are given to one, and nobody waits for
// another.
func (c *chaos) employ() {
	var working sync.WaitGroup
	for i := range c.hands {
		c.hands[i] = make(chan func() error, 2*len(c.plan.events)+1)
		working.Go(func() {
			for do := range c.hands[i] {
				if err := do(); err != nil {
					c.Error(err)
				}
				c.orders.Done()
			}
		})
	}
	c.Cleanup(func() {
		c.orders.Wait()
		for _, hand := range c.hands {
			close(hand)
		}
		working.Wait()
	})
}

// order has one of the hands do something.
func (c *chaos) order(hand int, do func() error) {
	c.orders.Add(1)
	c.hands[hand] <- do
}

// all has every program do something, at the same time.
func (c *chaos) all(do func(*program) error) {
	for i, p := range c.programs {
		c.order(i, func() error { return do(p) })
	}
}

// line is one between people and the programs, or that to NATS.
func (c *chaos) line(l int) *line {
	if l == busLine {
		return c.cluster.nats.line
	}
	return c.lines[l]
}

// lull starts the programs once more and measures them: somebody was there once, nobody is now. Then it lets everybody come
// back.
func (c *chaos) lull() []usage {
	c.Helper()
	c.orders.Wait()
	for _, l := range c.lines {
		l.cut()
	}
	c.all((*program).restart)
	c.orders.Wait()
	if c.Failed() {
		c.FailNow()
	}
	c.until("somebody answers", func() bool {
		_, up := c.answers() // nginx leaves nodes alone for a while that were away just now
		return up
	})
	c.visit()
	var base []usage
	for _, p := range c.programs {
		base = append(base, c.atRest(p))
	}
	for _, l := range c.lines {
		l.mend()
	}
	for _, p := range c.pages {
		p.online(true) // if the plan's end did not reach it
	}
	return base
}

// answers reports whether anybody answers, and if nginx asked, whom.
func (c *chaos) answers() (node string, up bool) {
	response, err := c.callers[0].client.Get(c.site.base + "/healthz")
	if err != nil {
		return "", false
	}
	response.Body.Close()
	return response.Header.Get(askedHeader), response.StatusCode == http.StatusOK
}

// visit has somebody sign in and look into a room at each program.
func (c *chaos) visit() {
	c.Helper()
	visitor := c.site.caller("carol")
	defer visitor.client.CloseIdleConnections()
	public, err := url.Parse(c.site.base)
	if err != nil {
		c.Fatal(err)
	}
	for _, p := range c.programs {
		request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+p.address+"/chat/General", nil)
		if err != nil {
			c.Fatal(err)
		}
		request.Host = public.Host
		for _, cookie := range visitor.client.Jar.Cookies(public) {
			request.AddCookie(cookie)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			c.Fatal(err)
		}
		if text(c.T, response); response.StatusCode != http.StatusOK {
			c.Fatalf("%s: %s", p.address, response.Status)
		}
	}
}
