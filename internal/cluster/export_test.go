package cluster

import "time"

// NewPacedNode returns a node that beats and looks that often, and forgets others after that long.
func NewPacedNode(cfg NodeConfig, beat, look, gone time.Duration) *Node {
	return newNode(cfg, pace{beat: beat, news: time.Millisecond, look: look, hints: time.Millisecond, gone: gone})
}
