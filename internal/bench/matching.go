package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/postgres"
)

const (
	matchingTurns = 3
	batch         = 1000 // permits that an import matches at once
)

// matchingCurves measures what it costs to match a changed permit, first as more permits change and then as there are more conditions. It takes
// conditions away.
func (b *bench) matchingCurves(ctx context.Context, db *postgres.DB) error {
	var permits []uuid.UUID
	if err := db.SelectContext(ctx, &permits, "select uuid from permits order by md5(cast(uuid as text))"); err != nil {
		return err
	}
	sizes := []int{1000, 4000, 16_000, min(64_000, len(permits))}
	sides := make([]side, len(sizes))
	for i, n := range sizes {
		sides[i] = matching(db, permits[:n])
	}
	figures, err := takeTurns(ctx, matchingTurns, 0, sides...)
	if err != nil {
		return err
	}
	b.add(row{
		what: "matching a changed permit, when 64,000 change ÷ 1,000", ours: micros(figures[3]), theirs: micros(figures[0]), values: ratios(figures[3], figures[0]), bar: 1.3, most: true,
		lines: []string{curve("µs a permit, with 5,000 conditions", sizes, figures)},
	})
	numbers := []int{5 * tenants, 500, 50, 5}
	var found [][]float64
	var matches []string
	for _, n := range numbers {
		if err := keepConditions(ctx, db, n); err != nil {
			return err
		}
		one, err := takeTurns(ctx, matchingTurns, 0, matching(db, permits[:sizes[2]]))
		if err != nil {
			return err
		}
		var of int
		if err := db.GetContext(ctx, &of, "select count(*) from condition_matches where permit_uuid = any(cast($1 as uuid[]))", idArray(permits[:sizes[2]])); err != nil {
			return err
		}
		found, matches = append(found, one[0]), append(matches, fmt.Sprint(of))
	}
	slices.Reverse(numbers)
	slices.Reverse(found)
	slices.Reverse(matches)
	b.add(row{
		what: "matching a changed permit, with 5,000 conditions ÷ 5", ours: micros(found[3]), theirs: micros(found[0]), values: ratios(found[3], found[0]),
		lines: []string{curve("µs a permit, by number of conditions", numbers, found), "that match so many times: " + strings.Join(matches, " · ")},
	})
	return nil
}

func micros(values []float64) string { return fmt.Sprintf("%.0f µs", median(values)) }

// errUndo takes back what was only tried.
var errUndo = errors.New("undo")

// matching is a side whose figure is how many microseconds the match of one changed permit takes, in batches as an import has them.
// Nothing of it stays.
func matching(db *postgres.DB, permits []uuid.UUID) side {
	match := conditions.NewService(db, contacts.NewService(db, newID).Track, time.Now, newID)
	return side{fmt.Sprintf("%d changed permits", len(permits)), func(ctx context.Context, _ time.Duration) (float64, error) {
		var took time.Duration
		for some := range slices.Chunk(permits, batch) {
			err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
				var at time.Time
				if err := tx.GetContext(ctx, &at, "select stamp_change()"); err != nil {
					return err
				}
				start := time.Now()
				_, err := match.Match(ctx, tx, some, at)
				took += time.Since(start)
				return errors.Join(err, errUndo)
			})
			if err.Error() != errUndo.Error() {
				return 0, err
			}
		}
		return float64(took.Microseconds()) / float64(len(permits)), nil
	}}
}

// keepConditions deletes all conditions but those of the first organizations.
func keepConditions(ctx context.Context, db *postgres.DB, n int) error {
	for _, statement := range []string{
		fmt.Sprintf("delete from conditions where (organization_id, id) not in (select organization_id, id from conditions order by organization_id, id limit %d)", n),
		"delete from condition_matches m where not exists (select from conditions c where c.organization_id = m.organization_id and c.id = m.condition_id)",
		"vacuum analyze conditions", "vacuum analyze condition_matches",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// curve writes the medians of figures at their sizes.
func curve(what string, sizes []int, figures [][]float64) string {
	points := make([]string, len(sizes))
	for i, n := range sizes {
		points[i] = fmt.Sprintf("%s: %.2f", short(n), median(figures[i]))
	}
	return what + " — " + strings.Join(points, " · ")
}

// short writes a number as people say it.
func short(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

func idArray(ids []uuid.UUID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return "{" + strings.Join(texts, ",") + "}"
}
