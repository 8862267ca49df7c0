// Package memory says how much memory the servers use to be quick.
package memory

import (
	"os"
	"runtime/debug"
)

// Percent is how much the heap of a server may grow before it is collected (GOGC): below Limit, memory is cheaper than collecting.
const Percent = 400

// Limit is near which the garbage collector works harder (GOMEMLIMIT), in bytes.
const Limit = 192 << 20

// Settle gives back what starting took, and lets the garbage collector rest while there is room. GOGC and GOMEMLIMIT prevail.
func Settle() {
	if os.Getenv("GOGC") == "" { //nolint:forbidigo // the runtime reads it, not we
		debug.SetGCPercent(Percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" { //nolint:forbidigo // as above
		debug.SetMemoryLimit(Limit)
	}
	debug.FreeOSMemory()
}
