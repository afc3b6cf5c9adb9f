package cluster

import "time"

// watch decides which of the other nodes have news and which are gone. It counts time by this node's clock alone, and only
// as far as the store could be asked: nobody is gone because the store was away or this node itself stood still.
type watch struct {
	gone   time.Duration // after standing still for so long a node is gone
	most   time.Duration // more than that is not counted between two looks: this node was asleep
	nodes  map[string]*other
	looked time.Time // the last look; zero if the store has failed since, or there was none
}

// other is what this node knows of another.
type other struct {
	beat  int64 // up to which its news has been read, 0 if none has
	still time.Duration
}

func newWatch(p pace) watch {
	return watch{gone: p.gone, most: 2 * p.look, nodes: map[string]*other{}}
}

// see takes the newest beats of the other nodes at a moment. It returns the nodes whose news is to be read, those that are
// gone and those that have been removed, which it forgets.
func (w *watch) see(now time.Time, beats map[string]int64) (moved, gone, removed []string) {
	var passed time.Duration
	if !w.looked.IsZero() {
		passed = min(now.Sub(w.looked), w.most)
	}
	w.looked = now
	for name := range w.nodes {
		if _, ok := beats[name]; !ok {
			removed = append(removed, name)
			delete(w.nodes, name)
		}
	}
	for name, beat := range beats {
		o := w.nodes[name]
		if o == nil {
			o = &other{}
			w.nodes[name] = o
		}
		if beat != o.beat {
			o.still = 0
			moved = append(moved, name)
		} else if o.still += passed; o.still >= w.gone {
			gone = append(gone, name)
		}
	}
	return moved, gone, removed
}

// after returns the beat up to which a node's news has been read.
func (w *watch) after(name string) int64 { return w.nodes[name].beat }

// read notes that a node's news up to a beat has been read.
func (w *watch) read(name string, beat int64) { w.nodes[name].beat = beat }

// blind notes that the store could not be read or written: time starts anew for all.
func (w *watch) blind() {
	w.looked = time.Time{}
	for _, o := range w.nodes {
		o.still = 0
	}
}
