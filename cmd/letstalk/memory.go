package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	tendEvery = 5 * time.Second
	// headroom is by how many bytes at least the heap may grow before a collection. By the runtime's own measure, as much
	// as lives in it, a small heap would be collected every few hundred requests.
	headroom = 24 << 20
	// worthGiving is how many bytes at least, and idleShare which part of the heap, have to lie idle to be given back.
	worthGiving = 8 << 20
	idleShare   = 5
)

// tendMemory keeps the memory small that the program holds while little happens, until ctx ends: it returns to the system
// what only the start needed and what a wave of people leaves behind. The runtime would keep it, in case of another wave.
func tendMemory(ctx context.Context) {
	runtime.GC() // once more, because pools let go at the second time only
	debug.FreeOSMemory()
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	var last uint64
	for {
		h := readHeap()
		percent := 100 * headroom / max(h.live, 1<<20)
		debug.SetGCPercent(int(min(max(percent, 100), 400)))
		// Not while it is busy: it would have to ask for all of it again.
		quiet := h.allocated-last < headroom
		if quiet && h.idle > worthGiving && h.idle > (h.idle+h.live)/idleShare {
			debug.FreeOSMemory()
		}
		last = readHeap().allocated
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// heapState is bytes of the heap.
type heapState struct {
	idle      uint64 // not in use, or not after a collection
	live      uint64 // in use after the last collection
	allocated uint64 // ever
}

func readHeap() heapState {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	at := func(i int) uint64 { return samples[i].Value.Uint64() }
	return heapState{idle: at(0) + at(1) - min(at(1), at(2)), live: at(2), allocated: at(3)}
}
