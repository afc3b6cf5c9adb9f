package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"letstalk/store"
)

// Hub is what a Node needs of the hub of its process.
type Hub interface {
	// Changed receives a value after the people with streams on this node changed.
	Changed() <-chan struct{}
	// TakeChanged returns the people of each room where they changed since it was last called.
	TakeChanged() map[store.RoomID][]store.Person
	// Retell makes all rooms with people count as changed.
	Retell()
	// SetElsewhere replaces what is known of another node's people in those rooms.
	SetElsewhere(node string, rooms map[store.RoomID][]store.Person)
	// ForgetNode is told that another node is gone, and its people with it.
	ForgetNode(node string)
}

// NodeConfig is what a Node needs to know. Name is new with each start of the program;
// a dot and a number may come after it.
type NodeConfig struct {
	Name   string
	Nodes  store.Nodes
	Hub    Hub
	Told   func() // called after something new was left in the store, for Bus.Beaten
	Tally  *Tally // what the nodes count together
	Logger *slog.Logger
}

// Node keeps the nodes of a workspace informed of each other's people, and of what they count together: it leaves word of its own in the store
// and finds there what the others left.
type Node struct {
	cfg   NodeConfig
	pace  pace
	watch watch
	hint  chan struct{}

	// name is by which the others know this node. Each time they take it for gone it gets another one, so that none of them
	// mistakes what it tells anew for the rest of what it told before.
	name   string
	former map[string]int64 // names it gave up, with the newest beat under each, 0 if the store has none

	beats  int64             // the number of the newest beat under this name
	beaten time.Time         // when it was tried last
	unsaid map[string]string // news that is not in the store yet

	failing map[string]bool // what the store could not do the last time
}

// pace is how often a node does what.
type pace struct {
	beat  time.Duration // at least so often it shows that it is up
	news  time.Duration // at most so often it tells what is new
	look  time.Duration // so often it looks at the others without a hint
	hints time.Duration // at most so often it looks because of hints, which anybody on NATS can cause
	gone  time.Duration // a node that has shown nothing for so long is gone, and its people with it
}

var usual = pace{
	beat: 5 * time.Second, news: 250 * time.Millisecond,
	look: time.Second, hints: 50 * time.Millisecond,
	gone: 15 * time.Second,
}

// NewNode returns a node; Run sets it going.
func NewNode(cfg NodeConfig) *Node { return newNode(cfg, usual) }

func newNode(cfg NodeConfig, p pace) *Node {
	return &Node{
		cfg: cfg, pace: p, watch: newWatch(p), hint: make(chan struct{}, 1),
		name: cfg.Name, former: map[string]int64{}, unsaid: map[string]string{}, failing: map[string]bool{},
	}
}

// Look makes the node look at the others soon. It never blocks.
func (n *Node) Look() {
	select {
	case n.hint <- struct{}{}:
	default:
	}
}

// Run tells and looks until ctx ends. What it told stays: the people of a node that stops are on their way to others, which
// forget it 15 s later.
func (n *Node) Run(ctx context.Context) {
	beat, look := time.NewTimer(0), time.NewTimer(n.pace.look)
	defer beat.Stop()
	defer look.Stop()
	n.look(ctx) // first, so that people who are there already do not seem to enter
	looked := time.Now()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-n.cfg.Tally.grown:
			beat.Reset(time.Until(n.beaten.Add(n.pace.news)))
		case <-n.cfg.Hub.Changed():
			beat.Reset(time.Until(n.beaten.Add(n.pace.news)))
		case <-beat.C:
			beat.Reset(n.beat(ctx))
		case <-n.hint:
			look.Reset(time.Until(looked.Add(n.pace.hints)))
		case <-look.C:
			forgotten := n.look(ctx)
			if n.gather(); forgotten || len(n.unsaid) > 0 {
				beat.Reset(time.Until(n.beaten.Add(n.pace.news)))
			}
			looked = time.Now()
			look.Reset(n.pace.look)
		}
	}
}

// beat shows that this node is up and tells what is new about it. It returns when to do so next at the latest.
func (n *Node) beat(ctx context.Context) time.Duration {
	n.gather()
	n.beaten = time.Now()
	// A copy, because a store that is slow may read it after it has given up.
	beat, err := n.cfg.Nodes.Beat(ctx, n.name, maps.Clone(n.unsaid))
	if n.failed(ctx, "beat", err) {
		return n.pace.look
	}
	if beat <= n.beats {
		n.rename(beat)
		return n.pace.news
	}
	n.beats = beat // more than one more if the store did what it had failed to
	if len(n.unsaid) > 0 {
		clear(n.unsaid)
		n.cfg.Told()
	}
	n.removeFormer(ctx)
	return n.pace.beat
}

// gather adds what is new to what is to be said.
func (n *Node) gather() {
	for room, people := range n.cfg.Hub.TakeChanged() {
		n.unsaid[roomKey(room)] = encodePeople(people)
	}
	if news, changed := n.cfg.Tally.news(time.Now()); changed {
		n.unsaid[tallyKey] = news
	}
}

// rename begins anew under another name, because others took this node for gone and forgot its people, or some of them are
// about to. The newest beat under the name it had is given, 0 if there is none.
func (n *Node) rename(beat int64) {
	n.cfg.Logger.Warn("the other nodes have taken this one for gone; it tells anew who is on it", "node", n.name)
	n.former[n.name] = beat
	n.name = fmt.Sprintf("%s.%d", n.cfg.Name, len(n.former)+1)
	n.beats = 0
	clear(n.unsaid)
	n.cfg.Hub.Retell()
	n.cfg.Tally.retell()
}

// removeFormer takes what is left of former names out of the store, once all is told under the new one: nobody seems to leave.
func (n *Node) removeFormer(ctx context.Context) {
	for name, beat := range n.former {
		if beat == 0 {
			continue
		}
		if _, err := n.cfg.Nodes.RemoveNode(ctx, name, beat); n.failed(ctx, "remove a node", err) {
			return
		}
		n.former[name] = 0
	}
}

// look reads what the others left since the last time, and forgets those that are gone. It reports whether this node has
// to beat at once, because it has been forgotten itself.
func (n *Node) look(ctx context.Context) (forgotten bool) {
	beats, err := n.cfg.Nodes.Beats(ctx)
	if n.failed(ctx, "read the beats", err) {
		return false
	}
	mine := beats[n.name]
	delete(beats, n.name)
	for name := range n.former {
		delete(beats, name)
	}
	moved, gone, removed := n.watch.see(time.Now(), beats)
	for _, name := range moved {
		n.read(ctx, name, beats[name])
	}
	for _, name := range removed { // later, because they may have moved to one that is new
		n.cfg.Hub.ForgetNode(name)
		n.cfg.Tally.forget(name)
	}
	for _, name := range gone {
		n.remove(ctx, name, beats[name])
	}
	if mine >= n.beats {
		return false
	}
	n.rename(mine)
	return true
}

// read passes a node's news on to the hub. News of a later beat may be among it, and is then read again.
func (n *Node) read(ctx context.Context, name string, beat int64) {
	news, err := n.cfg.Nodes.News(ctx, name, n.watch.after(name))
	if n.failed(ctx, "read the news", err) {
		return
	}
	rooms := map[store.RoomID][]store.Person{}
	for key, value := range news {
		var err error
		if key == tallyKey {
			err = n.cfg.Tally.hear(name, value)
		} else if id, ok := readRoomKey(key); ok {
			var people []store.Person
			if people, err = decodePeople(value); err == nil {
				rooms[id] = people
			}
		}
		if err != nil {
			n.cfg.Logger.Warn("what another node left in the store can't be read", "node", name, "key", key, "error", err)
		}
	}
	n.watch.read(name, beat)
	if len(rooms) > 0 {
		n.cfg.Hub.SetElsewhere(name, rooms)
	}
}

// remove takes a node that is gone out of the store, unless it has just shown itself; then all forget it at their next look.
func (n *Node) remove(ctx context.Context, name string, beat int64) {
	removed, err := n.cfg.Nodes.RemoveNode(ctx, name, beat)
	if !n.failed(ctx, "remove a node", err) && removed {
		n.cfg.Logger.Warn("a node has not shown that it is up; the people on it count as gone", "node", name, "for", n.pace.gone)
		n.Look()
		n.cfg.Told()
	}
}

// failed reports whether the store failed to do something, and logs it when that begins and ends.
func (n *Node) failed(ctx context.Context, to string, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if err != nil {
		n.watch.blind()
	}
	if was := n.failing[to]; err != nil && !was {
		n.cfg.Logger.Warn("the store fails; what nodes know of each other's people stays as it is", "to", to, "error", err)
	} else if err == nil && was {
		n.cfg.Logger.Info("the store works again; nodes know of each other's people", "to", to)
	}
	n.failing[to] = err != nil
	return err != nil
}

const (
	roomPrefix = "room:"
	tallyKey   = "tally"
)

func roomKey(id store.RoomID) string { return roomPrefix + strconv.FormatInt(int64(id), 10) }

// readRoomKey reports false for the key of other news, of a later version.
func readRoomKey(key string) (store.RoomID, bool) {
	number, ok := strings.CutPrefix(key, roomPrefix)
	id, err := strconv.ParseInt(number, 10, 64)
	return store.RoomID(id), ok && err == nil
}

// person is how a store.Person is written down for other nodes, which may be of another version.
type person struct {
	ID   store.UserID `json:"id"`
	Name string       `json:"name"`
}

func encodePeople(people []store.Person) string {
	list := make([]person, len(people))
	for i, p := range people {
		list[i] = person(p)
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // numbers and text can't fail
	}
	return string(text)
}

func decodePeople(text string) ([]store.Person, error) {
	var list []person
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	people := make([]store.Person, len(list))
	for i, p := range list {
		people[i] = store.Person(p)
	}
	return people, nil
}
