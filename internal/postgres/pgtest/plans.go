package pgtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/postgres"
)

// WantIndex fails the test when the plan that Postgres keeps for a statement, whatever values its parameters have, does not use that
// index. The tables have to hold enough, and be analyzed, for other plans to cost more.
func WantIndex(tb testing.TB, db *postgres.DB, name, index string, query *postgres.Query) {
	tb.Helper()
	text, args := query.SQL()
	values := ""
	if len(args) > 0 {
		values = "(null" + strings.Repeat(", null", len(args)-1) + ")"
	}
	var lines []string
	err := postgres.WithConn(tb.Context(), db, func(conn *postgres.Conn) error {
		for _, statement := range []string{"set plan_cache_mode = force_generic_plan", "prepare kept as " + text} {
			if _, err := conn.ExecContext(tb.Context(), statement); err != nil {
				return err
			}
		}
		return conn.SelectContext(tb.Context(), &lines, "explain (costs off) execute kept"+values)
	})
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	plan := strings.Join(lines, "\n")
	if !strings.Contains(plan, fmt.Sprintf("using %s on", index)) && !strings.Contains(plan, "Bitmap Index Scan on "+index) {
		tb.Errorf("%s: the plan that is kept does not use %s:\n%s", name, index, plan)
	}
}
