//go:build !race

package validation

import "testing"

// The race detector has pools forget, and so would have this fail.
func TestOperation_allocations(t *testing.T) {
	for name, hold := range exchanges(t) {
		if err := hold(Both); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := testing.AllocsPerRun(200, func() {
			if err := hold(Fast); err != nil {
				t.Error(err)
			}
		}); got != 0 {
			t.Errorf("%s: the fast path allocates %.0f times, want 0", name, got)
		}
	}
}
