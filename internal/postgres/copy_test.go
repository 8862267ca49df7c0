package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

// copied is a row of the table that tests copy into.
type copied struct {
	First  string   `db:"first"`
	Number int64    `db:"number"`
	Float  *float64 `db:"float"`
	Last   *string  `db:"last"`
}

func copyOn(t *testing.T, do func(conn *postgres.Conn, c *postgres.Copy)) {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: pgtest.New(t), MaxConnections: 1, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = postgres.WithConn(t.Context(), db, func(conn *postgres.Conn) error {
		if _, err := conn.ExecContext(t.Context(), "create temp table copied (first text not null, number bigint not null, float double precision, last text)"); err != nil {
			return err
		}
		c, err := postgres.StartCopy(t.Context(), conn, "copy copied (first, number, float, last) from stdin")
		if err != nil {
			return err
		}
		do(conn, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, c *postgres.Copy, row copied) {
	t.Helper()
	c.Text(row.First)
	c.Int(row.Number)
	c.FloatOrNull(row.Float)
	last := ""
	if row.Last != nil {
		last = *row.Last
	}
	c.TextOrNull(last)
	if err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCopy(t *testing.T) {
	text, float, small, whole := "x", 0.1, -1e-300, 97.0
	rows := []copied{
		{"", 0, nil, nil},
		{"plain", -9_223_372_036_854_775_808, &float, &text},
		{"a\tb\nc\rd\\e", 1, &small, nil},
		{`\N`, 2, &whole, nil},
		{`\.`, 3, nil, &text},
		{"\\\\\t\t\n", 4, nil, nil},
		{"Müller “&” \x01\x7f", 5, nil, nil},
	}
	copyOn(t, func(conn *postgres.Conn, c *postgres.Copy) {
		for _, row := range rows {
			add(t, c, row)
		}
		if err := c.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Abort() // too late
		var got []copied
		if err := conn.SelectContext(t.Context(), &got, "select first, number, float, last from copied"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Errorf("what was copied (-want +got):\n%s", diff)
		}
	})
}

func TestCopy_many(t *testing.T) {
	for _, n := range []int{0, 1, 5000} {
		copyOn(t, func(conn *postgres.Conn, c *postgres.Copy) {
			for i := range n {
				add(t, c, copied{First: strings.Repeat("x", i%400), Number: int64(i)})
			}
			if err := c.Finish(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got int
			if err := conn.GetContext(t.Context(), &got, "select count(distinct number) from copied where length(first) = number % 400"); err != nil || got != n {
				t.Errorf("%d rows were copied, %v; want %d", got, err, n)
			}
		})
	}
}

func TestCopy_refused(t *testing.T) {
	copyOn(t, func(conn *postgres.Conn, c *postgres.Copy) {
		c.Text("first")
		c.Text("no number")
		if err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Finish(t.Context()); err == nil || !strings.Contains(err.Error(), "no number") {
			t.Errorf("Finish after a row that cannot be taken = %v, want what Postgres says", err)
		}
		c.Abort()
		countCopied(t, conn, 0)
	})
}

func TestCopy_Abort(t *testing.T) {
	copyOn(t, func(conn *postgres.Conn, c *postgres.Copy) {
		for i := range 1000 {
			add(t, c, copied{First: strings.Repeat("x", 100), Number: int64(i)})
		}
		c.Abort()
		countCopied(t, conn, 0)
	})
}

func TestCopy_Next_canceled(t *testing.T) {
	copyOn(t, func(conn *postgres.Conn, c *postgres.Copy) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var err error
		for i := 0; i < 1000 && err == nil; i++ {
			c.Text(strings.Repeat("x", 100))
			c.Int(int64(i))
			c.FloatOrNull(nil)
			c.TextOrNull(strconv.Itoa(i))
			err = c.Next(ctx)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Next after the end of its context = %v, want %v", err, context.Canceled)
		}
		c.Abort()
		countCopied(t, conn, 0)
	})
}

func countCopied(t *testing.T, conn *postgres.Conn, want int) {
	t.Helper()
	var got int
	if err := conn.GetContext(t.Context(), &got, "select count(*) from copied"); err != nil || got != want {
		t.Errorf("%d rows are there, %v; want %d", got, err, want)
	}
}
