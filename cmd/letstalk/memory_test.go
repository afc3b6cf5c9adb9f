package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryThatIsNotUsedAnyMoreIsSeenAsIdle(t *testing.T) {
	const wave = 64 << 20
	debug.FreeOSMemory()
	start := readHeap()
	held := make([]byte, wave)
	runtime.GC()
	full := readHeap()
	runtime.KeepAlive(held)
	held = nil
	runtime.GC()
	after := readHeap()
	debug.FreeOSMemory()
	end := readHeap()
	switch {
	case full.live < start.live+wave/2 || full.allocated < start.allocated+wave:
		t.Errorf("%+v is not seen in %+v", start, full)
	case after.live > full.live-wave/2 || after.idle < wave/2:
		t.Errorf("what %+v held is not idle in %+v", full, after)
	case end.idle > wave/2:
		t.Errorf("what was idle is not given back: %+v", end)
	}
}
