package main

import (
	"context"
	"fmt"
	"time"
)

// side is one of those that take turns; slice lets it work for that long and returns its figure, such as requests a second.
type side struct {
	name  string
	slice func(ctx context.Context, length time.Duration) (float64, error)
}

// takeTurns lets the sides work for slices of that length, turn after turn and each second one in the other order, so that what else the machine
// does falls on all of them. It returns the figures of each side; those of a first, short turn are left out.
func takeTurns(ctx context.Context, turns int, length time.Duration, sides ...side) ([][]float64, error) {
	figures := make([][]float64, len(sides))
	for turn := range turns + 1 {
		for i := range sides {
			if turn%2 == 1 {
				i = len(sides) - 1 - i
			}
			slice := length
			if turn == 0 {
				slice = length / 2
			}
			figure, err := sides[i].slice(ctx, slice)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[i].name, err)
			}
			if turn > 0 {
				figures[i] = append(figures[i], figure)
			}
		}
	}
	return figures, nil
}

// throughput is a side that a client sends requests to, whose figure is how many a second are answered.
func (b *bench) throughput(name, address string, requests ...request) side {
	return side{name, func(_ context.Context, length time.Duration) (float64, error) {
		a, err := b.client.send(order{address, requests, callers, length})
		return a.perSecond(), err
	}}
}

// latency is a side that two callers send requests to, whose figure is the time that half of the answers take at most, in milliseconds.
func (b *bench) latency(name, address string, requests ...request) side {
	return side{name, func(_ context.Context, length time.Duration) (float64, error) {
		a, err := b.client.send(order{address, requests, 2, length})
		return a.quantile(0.5), err
	}}
}

func perSecond(values []float64) string { return fmt.Sprintf("%.0f/s", median(values)) }
