package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestTakeTurns(t *testing.T) {
	var order []string
	figure := 0.0
	of := func(name string) side {
		return side{name, func(_ context.Context, length time.Duration) (float64, error) {
			order = append(order, name+" "+length.String())
			figure++
			return figure, nil
		}}
	}
	got, err := takeTurns(t.Context(), 2, time.Second, of("a"), of("b"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a 500ms", "b 500ms", "b 1s", "a 1s", "a 1s", "b 1s"}; !slices.Equal(order, want) {
		t.Errorf("the turns were %v, want %v", order, want)
	}
	if !slices.Equal(got[0], []float64{4, 5}) || !slices.Equal(got[1], []float64{3, 6}) {
		t.Errorf("the figures are %v, want those of the full turns", got)
	}
}

func TestTakeTurns_failure(t *testing.T) {
	broken := errors.New("broken")
	_, err := takeTurns(t.Context(), 1, time.Second, side{"a", func(context.Context, time.Duration) (float64, error) { return 0, broken }})
	if !errors.Is(err, broken) || err.Error() != "a: broken" {
		t.Errorf("takeTurns = %v, want the side and its failure", err)
	}
}
