package handlers

import (
	"bytes"
	"context"
	"sync"
	"time"

	"letstalk/store"
	"letstalk/views"
)

// A drawn list is the same for everybody who may see the room until the room changes. It may also be wrong about an
// author's name when somebody has signed in with another one: through this process, which the store's epoch tells, or
// through another, which time does.
const (
	listLife = time.Minute
	maxLists = 256 // of 50 messages, some 60 KB each
)

// list is the newest messages of a room, drawn.
type list struct {
	history store.History
	html    []byte
	packed  func() []byte // html compressed, see pack

	changed store.Seq
	epoch   uint64
	drawn   time.Time
}

// lists keeps the drawn lists of the rooms that are looked at.
type lists struct {
	mu     sync.Mutex
	byRoom map[store.RoomID]*list
}

func newLists() *lists { return &lists{byRoom: map[store.RoomID]*list{}} }

// newest returns the newest messages of a room the viewer has just been allowed to see, complete up to history.Seq.
func (l *lists) newest(ctx context.Context, s store.Store, viewer store.UserID, room store.RoomState) (list, error) {
	epoch, now := s.Epoch(), time.Now()
	l.mu.Lock()
	kept := l.byRoom[room.ID]
	l.mu.Unlock()
	if kept != nil && kept.changed == room.Changed && kept.epoch == epoch && now.Sub(kept.drawn) < listLife {
		found := *kept
		found.history.Seq = room.Seq // up to there nothing else has happened in this room
		return found, nil
	}
	history, err := s.Messages(ctx, viewer, room.ID, store.Page{})
	if err != nil {
		return list{}, err
	}
	var b bytes.Buffer
	if err := views.Messages(room.Slug, history.Messages).Render(ctx, &b); err != nil {
		return list{}, err
	}
	drawn := &list{history: history, html: b.Bytes(), changed: room.Changed, epoch: epoch, drawn: now}
	drawn.packed = sync.OnceValue(func() []byte { return pack(drawn.html) })
	// If the room has changed since its state was read, the list is newer than what it is kept for. That is found out by the
	// next state; whoever still comes with this one is told some of it again by the stream.
	l.keep(room.ID, drawn)
	return *drawn, nil
}

func (l *lists) keep(room store.RoomID, drawn *list) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.byRoom) >= maxLists {
		clear(l.byRoom)
	}
	l.byRoom[room] = drawn
}
