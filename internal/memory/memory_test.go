package memory_test

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/plotwise/plotwise/internal/memory"
)

func TestSettle(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	for _, c := range []struct {
		gogc, gomemlimit string
		percent          int
		limit            int64
	}{
		{"", "", 400, 201_326_592},
		{"100", "off", 100, math.MaxInt64}, // what is the usual is not ours to change when it is asked for
	} {
		t.Setenv("GOGC", c.gogc)
		t.Setenv("GOMEMLIMIT", c.gomemlimit)
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
		memory.Settle()
		if got := debug.SetMemoryLimit(-1); got != c.limit {
			t.Errorf("with GOMEMLIMIT=%s the limit is %d, want %d", c.gomemlimit, got, c.limit)
		}
		if got := debug.SetGCPercent(100); got != c.percent {
			t.Errorf("with GOGC=%s the heap may grow by %d percent, want %d", c.gogc, got, c.percent)
		}
	}
}
