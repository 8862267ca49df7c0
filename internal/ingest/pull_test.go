package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestChunk(t *testing.T) {
	var numbers []string
	for i := range 1000 {
		numbers = append(numbers, fmt.Sprintf("2026-%06d BP", i))
	}
	if got := len(chunk(numbers)); got != 173 {
		t.Errorf("chunk(1000 numbers) = %d of them, want 173", got)
	}
	if got := len(chunk([]string{strings.Repeat("x", 5000), "A-1"})); got != 1 {
		t.Errorf("chunk(a long number, another) = %d of them, want 1", got)
	}
}

func TestBackoff(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 6400 * time.Millisecond, 0.5: 8 * time.Second, 1: 9600 * time.Millisecond} {
		if got := backoff(4, func() float64 { return random }); got != want {
			t.Errorf("backoff(4, %g) = %s, want %s", random, got, want)
		}
	}
}

func TestSleep(t *testing.T) {
	if err := Sleep(t.Context(), time.Millisecond); err != nil {
		t.Errorf("Sleep = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("Sleep of a canceled context = %v, want %v", err, context.Canceled)
	}
}

func TestStatements(t *testing.T) { pgtest.Prepare(t, statements.All()) }
