package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// writer posts, edits and deletes, and tries each of these until it is answered.
type writer struct {
	number int
	seed   uint64
	base   string
	client *http.Client
	posts  map[int]*posted

	mu      sync.Mutex
	retries int
	refused int // how many of them because there was an answer, and it was to try again
	passed  int // how often another node was asked behind the writer's back
}

// errRefused is an answer that the form should be sent again.
var errRefused = errors.New("refused")

// posted is a message whose writer was told that it is kept.
type posted struct {
	id      string
	room    string
	body    string
	late    []string // edits that took several tries, be it nginx's: one that was given up may come in after a later edit
	edited  bool
	deleted bool
}

// perform does what a script says, each op not before its time.
func (w *writer) perform(ctx context.Context, begin time.Time, ops []op) error {
	for _, o := range ops {
		if err := wait(ctx, begin.Add(o.at)); err != nil {
			return err
		}
		if err := w.do(ctx, o); err != nil {
			return fmt.Errorf("writer %d, %s of post %d: %w", w.number, o.kind, o.on, err)
		}
	}
	return nil
}

// wait is how a schedule is kept.
func wait(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) do(ctx context.Context, o op) error {
	if o.kind == "post" {
		id, err := w.post(ctx, o)
		w.posts[o.on] = &posted{id: id, room: o.room, body: o.body}
		return err
	}
	p := w.posts[o.on]
	id, tries, err := w.insist(ctx, o, "/chat/"+p.room+"/messages/"+p.id+"/"+o.kind, url.Values{"body": {o.body}})
	switch {
	case err != nil:
		return err
	case id != p.id:
		return odd("answered with message %s, not %s", id, p.id)
	case o.kind == "delete":
		p.deleted = true
		return nil
	}
	p.body, p.edited = o.body, true
	if tries > 1 {
		p.late = append(p.late, o.body)
	}
	return nil
}

// post sends a message, if need be many times, under one nonce.
func (w *writer) post(ctx context.Context, o op) (string, error) {
	form := url.Values{"body": {o.body}, "nonce": {fmt.Sprintf("%d-%d-%d", w.seed, w.number, o.on)}}
	send := func() (string, error) {
		id, _, err := w.insist(ctx, o, "/chat/"+o.room+"/messages", form)
		return id, err
	}
	if !o.twice {
		return send()
	}
	var other string
	var problem error
	var wg sync.WaitGroup
	wg.Go(func() { other, problem = send() })
	id, err := send()
	wg.Wait()
	if err == nil && problem == nil && id != other {
		problem = odd("posted once as %s and once as %s", id, other)
	}
	return id, errors.Join(err, problem)
}

// insist sends a form until it is answered, and returns the message the answer tells of and how many tries it took.
func (w *writer) insist(ctx context.Context, o op, path string, form url.Values) (id string, tries int, err error) {
	for {
		try, cancel := context.WithTimeout(ctx, o.patience)
		id, asked, err := w.send(try, o, path, form)
		cancel()
		tries += max(1, asked)
		w.count(asked, err)
		if err == nil || errors.Is(err, errOdd) {
			return id, tries, err
		}
		if err := wait(ctx, time.Now().Add(200*time.Millisecond)); err != nil {
			return "", tries, err
		}
	}
}

func (w *writer) count(asked int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed += max(0, asked-1)
	if err != nil {
		w.retries++
	}
	if errors.Is(err, errRefused) {
		w.refused++
	}
}

// send sends a form once, and returns also how many nodes were asked if nginx tells.
func (w *writer) send(ctx context.Context, o op, path string, form url.Values) (id string, asked int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, odd("%w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if o.script {
		request.Header.Set("HX-Request", "true")
	}
	response, err := w.client.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	if nodes := response.Header.Get(askedHeader); nodes != "" {
		asked = 1 + strings.Count(nodes, ",")
	}
	id, err = told(o, response)
	return id, asked, err
}

// told is the message that an answer tells of.
func told(o op, response *http.Response) (string, error) {
	switch {
	case response.StatusCode >= 500:
		return "", fmt.Errorf("%w: %s", errRefused, response.Status)
	case o.script && response.StatusCode == http.StatusOK:
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return "", err
		}
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
		if err != nil {
			return "", err
		}
		return doc.Find("li.message").AttrOr("data-seq", ""), nil
	case !o.script && response.StatusCode == http.StatusSeeOther:
		location := response.Header.Get("Location")
		return location[strings.LastIndexAny(location, "/-")+1:], nil
	}
	return "", odd("POST %s: %s", response.Request.URL.Path, response.Status)
}
