package store

import "context"

// Nodes is where the processes that serve one workspace leave word of themselves for each other. Beats are counted, not
// timed: the clocks of two machines may differ by minutes, so whoever looks on decides by its own clock how long a node
// may stand still.
type Nodes interface {
	// Beat notes that node is up and what is new about it: each piece of news replaces what the node said under that key
	// before. It returns the number of this beat, 1 if the node was not known.
	Beat(ctx context.Context, node string, news map[string]string) (beat int64, err error)
	// Beats returns the newest beat of each node.
	Beats(ctx context.Context) (map[string]int64, error)
	// News returns what a node said in the beats after a number, by key; 0 asks for all of it. An unknown node has said
	// nothing.
	News(ctx context.Context, node string, after int64) (map[string]string, error)
	// RemoveNode forgets a node and its news if its newest beat is still that one. Of several callers one is told that it
	// did.
	RemoveNode(ctx context.Context, node string, beat int64) (removed bool, err error)
}
