package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"letstalk/internal/auth"
	"letstalk/views"
)

const (
	// ticketLife leaves time for what is looked at before somebody signs in with it.
	ticketLife = patience + 5*time.Minute
	// apart is how far the first frame of the stream and the last, which are sent two seconds apart, must be at least when
	// they arrive. What is collected on the way arrives at once.
	apart = time.Second
	// streamTimeout is longer than any proxy collects three frames.
	streamTimeout = 20 * time.Second
)

// openTicket makes a rehearsal, by whose ticket the site knows that whoever asks may use its database.
func (d *doctor) openTicket(ctx context.Context) bool {
	if d.Store == nil {
		return false
	}
	ticket := auth.NewRehearsal()
	if err := d.Store.CreateRehearsal(ctx, auth.KeptRehearsal(ticket), ticketLife); err != nil {
		d.Fail("Look whether the database can be written.", "The database takes nothing: %s.", err)
		return false
	}
	d.ticket = ticket
	return true
}

// stream reads three frames that the site sends a second apart, and reports whether the site knows the ticket.
func (d *doctor) stream(ctx context.Context) bool {
	frames, a, err := d.frames(ctx)
	if err == nil && a.StatusCode == http.StatusOK && collected(frames) {
		frames, a, err = d.frames(ctx) // a machine that was busy elsewhere looks the same, once
	}
	remedy := "Have the proxy pass on what it gets at once at /events and /chat/*/events, without collecting, compressing or caching it: see docs/deploy.md#the-proxy."
	switch {
	case err == nil && a.StatusCode == http.StatusNotFound:
		d.Fail("Use the same DATABASE_URL for both, and the same version.", "The site at %s does not know what was just written to the database here: it uses another one.", d.BaseURL)
		return false
	case err != nil, a.StatusCode != http.StatusOK:
		d.Fail(remedy, "A stream does not come through: %s.", outcome(a, err))
	case !strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream"):
		d.Fail(remedy, "Something else than a stream comes through: %s.", a.Header.Get("Content-Type"))
	case len(frames) < 3:
		d.Fail(remedy, "A stream breaks off on the way: %d of 3 frames arrive.", len(frames))
	case collected(frames):
		d.Fail(remedy, "Something on the way collects streams: three frames that were sent a second apart arrived together. New messages would come late.")
	default:
		d.OK("Streams arrive as they are sent.")
		d.OK("The site takes this machine for %s. If that is the proxy's address, set TRUSTED_PROXIES to it.", frames[0].Address)
	}
	return true
}

// frame is one of the stream's, and when it arrived.
type frame struct {
	Address string `json:"address"` // from which the site says it is asked
	at      time.Time
}

func collected(frames []frame) bool {
	return len(frames) == 3 && frames[2].at.Sub(frames[0].at) < apart
}

func (d *doctor) frames(ctx context.Context) ([]frame, answer, error) {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.at(views.RehearsalStreamURL(d.ticket)), nil)
	if err != nil {
		return nil, answer{}, err
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := d.client.Do(r)
	if err != nil {
		return nil, answer{}, err
	}
	defer resp.Body.Close()
	var frames []frame
	for lines := bufio.NewScanner(io.LimitReader(resp.Body, maxAnswer)); len(frames) < 3 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		f := frame{at: d.Now()}
		if json.Unmarshal([]byte(data), &f) == nil {
			frames = append(frames, f)
		}
	}
	return frames, answer{Response: resp}, nil
}
