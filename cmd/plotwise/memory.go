package main

import (
	"math"
	"runtime/debug"
)

const (
	memoryLimit = 192 << 20 // bytes; the garbage collector works harder as it comes near
	gcPercent   = 400       // below it, memory is cheaper than collecting
)

// settleMemory gives back what starting took, and lets the garbage collector rest while there is room. GOGC and GOMEMLIMIT prevail.
func settleMemory() {
	if percent := debug.SetGCPercent(gcPercent); percent != 100 {
		debug.SetGCPercent(percent)
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
	debug.FreeOSMemory()
}
