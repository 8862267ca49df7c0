package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/validation"
)

// kind is one kind of request that figures are about.
type kind struct {
	name    string
	request request
}

// kinds prepares a tenant that watches 25 permits, and returns a list of documents, one of structs, a detail, a small write and a refusal.
func kinds(ctx context.Context, db *postgres.DB) ([]kind, tenant, error) {
	who, err := newTenant(ctx, db)
	if err != nil {
		return nil, who, err
	}
	watched, err := who.watch(ctx, db, 25)
	if err != nil {
		return nil, who, err
	}
	permit := "/v1/permits/" + watched[0].String()
	return []kind{
		{"list of 25 permits, stored documents", who.get(listPath)},
		{"list of 25 watched permits, structs", who.get("/v1/watchlist?per_page=25")},
		{"detail of a permit", who.get("/v1/permits/" + watched[1].String())},
		{"a new note, with its transaction", newRequest("POST", permit+"/notes", who.key, `{"body": "Call the city about the fee."}`, http.StatusCreated)},
		{"a permit that is not there: 404", newRequest("GET", "/v1/permits/"+uuid.NewString(), who.key, "", http.StatusNotFound)},
	}, who, nil
}

// validationCost measures lists with every request and response validated, and with none; then each kind of request with validation
// off, on, and by the authority alone.
func (b *bench) validationCost(ctx context.Context) error {
	db, err := b.imported(ctx)
	if err != nil {
		return err
	}
	kinds, _, err := kinds(ctx, db)
	if err != nil {
		return err
	}
	engines := []validation.Engine{validation.None, validation.Fast, validation.Authority}
	addresses := make([]string, len(engines))
	for i, engine := range engines {
		address, end, err := listenService(ctx, db, engine)
		if err != nil {
			return err
		}
		defer end()
		addresses[i] = address
	}
	for _, k := range kinds[:2] {
		figures, err := takeTurns(ctx, 9, 500*time.Millisecond, b.throughput("not validated", addresses[0], k.request), b.throughput("validated", addresses[1], k.request))
		if err != nil {
			return err
		}
		b.add(row{
			what: k.name + ": validated ÷ not", ours: perSecond(figures[1]), theirs: perSecond(figures[0]), values: ratios(figures[1], figures[0]), bar: 0.90,
		})
	}
	for _, k := range kinds {
		sides := make([]side, len(engines))
		for i, engine := range engines {
			sides[i] = b.throughput(string(engine), addresses[i], k.request)
		}
		figures, err := takeTurns(ctx, 5, 300*time.Millisecond, sides...)
		if err != nil {
			return err
		}
		off, fast, authority := figures[0], figures[1], figures[2]
		b.add(row{
			what: "  " + k.name, ours: perSecond(fast), theirs: perSecond(off), values: ratios(fast, off),
			lines: []string{fmt.Sprintf("the authority alone: %s, %.2f of no validation", perSecond(authority), median(ratios(authority, off)))},
		})
	}
	return nil
}
