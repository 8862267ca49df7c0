package main

import (
	"testing"
	"time"
)

func TestTailOf(t *testing.T) {
	fast, slow := make([]time.Duration, 100), make([]time.Duration, 100)
	for i := range fast {
		fast[i], slow[i] = time.Millisecond, 20*time.Millisecond
	}
	if got := tailOf(map[string][]time.Duration{"fast": fast, "slow": slow}); got != 1 {
		t.Errorf("tailOf two steady kinds = %v, want 1", got)
	}
	for i := range 5 {
		fast[i] = 7 * time.Millisecond
	}
	if got := tailOf(map[string][]time.Duration{"fast": fast, "slow": slow}); got != 7 {
		t.Errorf("tailOf with five slow ones of 200 = %v, want 7", got)
	}
}

func TestStrain_growth(t *testing.T) {
	for _, c := range []struct {
		memory     []float64
		goroutines []int
		want       string
	}{
		{[]float64{50, 100, 110, 120}, []int{30, 40, 45, 50}, ""},
		{[]float64{50, 100, 110, 121}, []int{30, 40, 45, 50}, "memory grew from 100.0 MB to 121.0 MB"},
		{[]float64{50, 100, 110, 100}, []int{30, 40, 45, 51}, "goroutines grew from 40 to 51"},
	} {
		got := ""
		if err := (&strain{memory: c.memory, goroutines: c.goroutines}).growth(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("growth of %v and %v = %q, want %q", c.memory, c.goroutines, got, c.want)
		}
	}
}
