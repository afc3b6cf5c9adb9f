package feed

import (
	"context"
	"time"
)

const (
	// keepFor and keepMost bound the log: a change is forgotten once it is older than a week or has a million newer ones,
	// whichever is first. A page that was away for longer loads itself anew, and so does every page if this process has
	// not followed the log for longer. Messages are kept for ever.
	keepFor  = 7 * 24 * time.Hour
	keepMost = 1_000_000
	// pruneEvery is how often the log is cut back.
	pruneEvery = time.Hour
)

// Prune cuts the log back at once and then every hour until ctx ends. What one try leaves, the next one forgets.
func (f *Feed) Prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := f.changes.PruneChanges(ctx, time.Now().Add(-keepFor), keepMost); err != nil && ctx.Err() == nil {
			f.logger.Error("pruning the changes", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
