package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	giveBackEvery = 10 * time.Second
	// worthGiving is how many bytes at least, and which share of the heap, have to lie idle.
	worthGiving = 8 << 20
	worthShare  = 5
)

// giveBack returns memory to the system that is not used any more: what only the start needed, at once, and later what a
// wave of people coming left behind. The runtime would keep it for a while, in case of another wave.
func giveBack(ctx context.Context) {
	runtime.GC() // twice, because pools let go at the second time only
	debug.FreeOSMemory()
	tick := time.NewTicker(giveBackEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if idle, used := heap(); idle > worthGiving && idle > (idle+used)/worthShare {
				debug.FreeOSMemory()
			}
		}
	}
}

// heap returns how many bytes of the heap are idle, or would be after a collection, and how many are used.
func heap() (idle, used uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	free, objects, unused, live := samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()
	garbage := objects - min(objects, live)
	return free + unused + garbage, live
}
