// Package feed carries what was committed to the browsers: it follows the store's log of changes in order, draws each
// change once and hands it to the hub. Nobody else publishes, so nothing can be seen that was not kept, and nothing kept
// can be forgotten.
package feed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/a-h/templ"

	"letstalk/internal/live"
	"letstalk/store"
	"letstalk/views"
)

const (
	// batch is how many changes are read at a time.
	batch = 500
	// maxFrame is how many bytes of HTML go into one frame; a single larger message has a frame of its own.
	maxFrame = 32 << 10
	// poll is how soon a change is found whose signal got lost.
	poll = time.Second
	// window is how many changes a returning stream is replayed; a page that is further behind loads itself anew.
	window = 300
)

// roomsEvent is the name of the frame that tells a person's pages that their rooms are others now, or their role in one.
const roomsEvent = "rooms"

// Hub is what the feed needs of the hub.
type Hub interface {
	Publish(upTo store.Seq, deliveries []live.Delivery)
	TellUser(user store.UserID, event string, change store.Seq)
	EndMember(room store.RoomID, user store.UserID)
	EndRoom(room store.RoomID)
	Resync()
}

// Feed is the way from the store's log to the hub.
type Feed struct {
	changes store.Changes
	hub     Hub
	tell    func(store.Seq)
	logger  *slog.Logger
	woken   chan struct{}
	failing bool // the log could not be read; of Run
}

// New returns a feed; Run sets it going. What this process commits is passed to tell, which must not block.
func New(changes store.Changes, hub Hub, tell func(store.Seq), logger *slog.Logger) *Feed {
	return &Feed{changes: changes, hub: hub, tell: tell, logger: logger, woken: make(chan struct{}, 1)}
}

// Run follows the log from a change number on until ctx ends.
func (f *Feed) Run(ctx context.Context, last store.Seq) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		last = f.drain(ctx, last)
		select {
		case <-ctx.Done():
			return
		case seq := <-f.changes.Committed():
			f.tell(seq) // before our own streams are: the others have further to go
		case <-f.woken:
		case <-tick.C:
		}
	}
}

// Wake has the feed look at once, because another process is said to have committed changes.
func (f *Feed) Wake() {
	select {
	case f.woken <- struct{}{}:
	default: // it is about to look
	}
}

// drain hands over everything committed after last and returns the new last.
func (f *Feed) drain(ctx context.Context, last store.Seq) store.Seq {
	for {
		changes, err := f.changes.ChangesSince(ctx, last, batch)
		switch {
		case ctx.Err() != nil:
			return last
		case errors.Is(err, store.ErrGap):
			return f.restart(ctx, last)
		case err != nil:
			if !f.failing { // once, though it is tried every second
				f.logger.Error("reading changes", "after", int64(last), "error", err)
			}
			f.failing = true
			return last
		}
		if f.failing {
			f.logger.Info("changes can be read again", "after", int64(last))
			f.failing = false
		}
		if len(changes) == 0 {
			return last
		}
		f.handOver(changes)
		last = changes[len(changes)-1].Seq
		if len(changes) < batch {
			return last // what is committed from now on has a signal of its own
		}
	}
}

// restart goes on from the head of a log that can't be followed any more (pruned while this process was asleep, or
// restored from a backup) and has every page load itself anew.
func (f *Feed) restart(ctx context.Context, last store.Seq) store.Seq {
	head, err := f.changes.Head(ctx)
	if err != nil {
		f.logger.Error("reading the head of the changes", "error", err)
		return last
	}
	f.logger.Warn("the change log has a gap; all pages reload", "after", int64(last), "head", int64(head))
	f.hub.Publish(head, nil)
	f.hub.Resync()
	return head
}

// handOver gives changes to the hub in order, after what they mean for who may read. A member who was removed loses the
// stream before any of them is sent: an earlier message may have been edited since, and is drawn as it is now. So do all in
// a room that asks for something else; their pages come back and are asked for it. Whose rooms are others now, or whose role
// is, is told once, however many of them have changed.
func (f *Feed) handOver(changes []store.Change) {
	concerned := map[store.UserID]store.Seq{}
	for _, c := range changes {
		switch c.Kind {
		case store.MemberSet:
			concerned[c.User] = c.Seq
		case store.MemberRemoved:
			concerned[c.User] = c.Seq
			f.hub.EndMember(c.Room, c.User)
		case store.RoomChanged:
			f.hub.EndRoom(c.Room)
		}
	}
	for user, seq := range concerned {
		f.hub.TellUser(user, roomsEvent, seq)
	}
	f.hub.Publish(changes[len(changes)-1].Seq, Frames(changes))
}

// Frames draws changes as frames, those of one room together up to 32 KB a frame. A message that changed more than once
// is drawn once, as it is now.
func Frames(changes []store.Change) []live.Delivery {
	var frames []live.Delivery
	open := map[store.RoomID]int{} // the frame that still takes a room's changes
	drawn := map[store.MessageID]bool{}
	for _, c := range changes {
		fragment := fragment(c)
		if fragment == nil || drawn[c.Message.ID] {
			continue
		}
		drawn[c.Message.ID] = true
		html := render(fragment)
		i, ok := open[c.Room]
		if !ok || len(frames[i].Data)+len(html) > maxFrame {
			frames = append(frames, live.Delivery{Room: c.Room})
			i = len(frames) - 1
			open[c.Room] = i
		}
		frames[i].Data = append(frames[i].Data, html...)
		frames[i].UpTo = c.Seq
	}
	return frames
}

// fragment is how pages learn of a change, or nil if they need not.
func fragment(c store.Change) templ.Component {
	switch c.Kind {
	case store.MessageCreated:
		return views.MessageSaved(c.Slug, c.Message)
	case store.MessageEdited, store.MessageDeleted:
		return views.MessageChanged(c.Slug, c.Message)
	default:
		return nil
	}
}

// Replay draws what a returning stream of a room has missed. A room that has come to ask for something else is a gap: the
// page is to load itself anew, and finds out whether its reader still does.
func (f *Feed) Replay(ctx context.Context, viewer store.UserID, room store.RoomID, after, upTo store.Seq) ([]live.Delivery, error) {
	changes, err := f.changes.RoomChanges(ctx, viewer, room, after, upTo, window)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(changes, func(c store.Change) bool { return c.Kind == store.RoomChanged }) {
		return nil, store.ErrGap
	}
	return Frames(changes), nil
}

// Presence draws a change of presence.
func Presence(c live.PresenceChange) []byte {
	html := render(views.PeopleChanged(c.People))
	for _, p := range c.Left {
		html = append(html, render(views.Left(p))...)
	}
	for _, p := range c.Entered {
		html = append(html, render(views.Entered(p))...)
	}
	return html
}

// render draws into memory, which cannot fail.
func render(c templ.Component) []byte {
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		panic(err)
	}
	return b.Bytes()
}
