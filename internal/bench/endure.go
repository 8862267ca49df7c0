package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
)

const (
	endureCallers  = 6
	mostGrowth     = 1.2 // of memory, from minute 2 to the end
	moreGoroutines = 10  // come and go with what runs now and then
	mostTail       = 6   // p99 ÷ p50
)

// endure sends the program mixed requests for ten minutes, or MINUTES, and tells what becomes of its memory, its goroutines and its answers'
// times. It fails when they grow, or when the slowest answers take too long.
func (b *bench) endure(ctx context.Context) (err error) {
	minutes, err := minutes()
	if err != nil {
		return err
	}
	db, err := b.imported(ctx)
	if err != nil {
		return err
	}
	b.table = nil // what an import takes is not asked for here
	p, err := b.serve(ctx, importedDatabase)
	if err != nil {
		return err
	}
	defer func() { err = end(err, p) }()
	mix, err := mixed(ctx, db, p.address)
	if err != nil {
		return err
	}
	s := &strain{program: p, b: b}
	if err := s.measure(ctx, "at the start"); err != nil {
		return err
	}
	warm := min(2, minutes/5)
	var all answers
	for _, span := range []struct {
		name    string
		minutes float64
	}{{fmt.Sprintf("after %.3g minutes", warm), warm}, {"in the middle", minutes/2 - warm}, {"at the end", minutes / 2}} {
		a, err := b.client.send(order{p.address, requestsOf(mix), endureCallers, time.Duration(span.minutes * float64(time.Minute))})
		if err != nil {
			return err
		}
		if all.Took == nil {
			all.Took = make([][]time.Duration, len(a.Took))
		}
		for i := range a.Took {
			all.Took[i] = append(all.Took[i], a.Took[i]...)
		}
		all.Seconds += a.Seconds
		if err := s.measure(ctx, span.name); err != nil {
			return err
		}
	}
	return s.judge(mix, all)
}

func minutes() (float64, error) {
	text := os.Getenv("MINUTES")
	if text == "" {
		return 10, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 || n > 24*60 {
		return 0, fmt.Errorf("MINUTES=%s: want a number of minutes", text)
	}
	return n, nil
}

// mixed prepares two tenants that work on the same permits, and returns what they ask for.
func mixed(ctx context.Context, db *postgres.DB, address string) ([]kind, error) {
	var mix []kind
	for range 2 {
		kinds, who, err := kinds(ctx, db)
		if err != nil {
			return nil, err
		}
		note, err := create(ctx, address, who, kinds[3].request)
		if err != nil {
			return nil, err
		}
		list, watched, detail, post, missing := kinds[0], kinds[1], kinds[2], kinds[3], kinds[4]
		change := kind{"a change of a note", newRequest("PATCH", "/v1/notes/"+note, who.key, `{"body": "The city called back."}`, http.StatusOK)}
		refused := kind{"a filter that is refused: 400", newRequest("GET", "/v1/permits?stage=unheard", who.key, "", http.StatusBadRequest)}
		feed := kind{"events", who.get("/v1/events")}
		mix = append(mix, list, detail, post, watched, feed, change, missing, list, detail, refused)
	}
	return mix, nil
}

// create sends a POST, and returns the id of what it made.
func create(ctx context.Context, address string, who tenant, like request) (string, error) {
	head, body, _ := strings.Cut(string(like.Text), "\r\n\r\n")
	path := strings.Fields(head)[1]
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+who.key)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var made struct{ Data struct{ ID string } }
	if err := json.NewDecoder(response.Body).Decode(&made); err != nil {
		return "", err
	}
	if made.Data.ID == "" {
		return "", fmt.Errorf("POST %s: %d", path, response.StatusCode)
	}
	return made.Data.ID, nil
}

func requestsOf(mix []kind) []request {
	out := make([]request, len(mix))
	for i, k := range mix {
		out[i] = k.request
	}
	return out
}

// strain is what was seen of a program that is under load.
type strain struct {
	program    *program
	b          *bench
	memory     []float64
	goroutines []int
}

// measure notes memory and goroutines once no request is under way.
func (s *strain) measure(ctx context.Context, when string) error {
	memory, _, err := s.program.memory()
	if err != nil {
		return err
	}
	goroutines, err := s.program.goroutines(ctx)
	if err != nil {
		return err
	}
	s.memory, s.goroutines = append(s.memory, memory), append(s.goroutines, goroutines)
	fmt.Printf("%-20s %6.1f MB  %d goroutines\n", when, memory, goroutines)
	return nil
}

// judge prints the times of the answers, and returns what is wrong.
func (s *strain) judge(mix []kind, all answers) error {
	of := map[string][]time.Duration{}
	var names []string
	for i, k := range mix {
		if of[k.name] == nil {
			names = append(names, k.name)
		}
		of[k.name] = append(of[k.name], all.Took[i]...)
	}
	fmt.Printf("\n%-40s %10s %9s %9s %10s\n", "", "answers", "p50", "p99", "p99 ÷ p50")
	line := func(name string, took []time.Duration) {
		half, most := quantile(took, 0.5), quantile(took, 0.99)
		fmt.Printf("%-40s %10d %6.2f ms %6.2f ms %9.1f\n", name, len(took), half, most, most/half)
	}
	for _, name := range names {
		line(name, of[name])
	}
	line("all", slices.Concat(all.Took...))
	tail := tailOf(of)
	fmt.Printf("\n%.0f answers a second, %d callers; p99 of all, each divided by the p50 of its kind: %.1f\n", all.perSecond(), endureCallers, tail)
	return errors.Join(s.growth(), tooSlow(tail))
}

// tailOf returns the p99 of all answers when the p50 of each kind counts as 1: kinds that take longer than others are no tail.
func tailOf(kinds map[string][]time.Duration) float64 {
	var parts []float64
	for _, took := range kinds {
		half := quantile(took, 0.5)
		for _, one := range took {
			parts = append(parts, float64(one)/float64(time.Millisecond)/half)
		}
	}
	slices.Sort(parts)
	return parts[int(0.99*float64(len(parts)-1))]
}

func tooSlow(tail float64) error {
	if tail > mostTail {
		return fmt.Errorf("p99 ÷ p50 is %.1f, more than %d", tail, mostTail)
	}
	return nil
}

// growth returns what grew between the second figure and the last.
func (s *strain) growth() error {
	var found []error
	last := len(s.memory) - 1
	if grown := s.memory[last] / s.memory[1]; grown > mostGrowth {
		found = append(found, fmt.Errorf("memory grew from %.1f MB to %.1f MB", s.memory[1], s.memory[last]))
	}
	if s.goroutines[last] > s.goroutines[1]+moreGoroutines {
		found = append(found, fmt.Errorf("goroutines grew from %d to %d", s.goroutines[1], s.goroutines[last]))
	}
	return errors.Join(found...)
}
