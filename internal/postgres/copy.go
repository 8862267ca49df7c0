package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"github.com/jmoiron/sqlx"
)

// Copy is a running COPY … FROM STDIN on a connection that can do nothing else meanwhile. A row is written value by value; database/sql,
// which would look at each of them several times, is left out. It is not for concurrent use.
type Copy struct {
	conn  *Conn
	tx    *sqlx.Tx
	to    copier
	rows  []byte // in the text format, until there are enough to hand on
	begun bool   // the current row has a value
}

// copier is what lib/pq's COPY can do.
type copier interface {
	driver.Stmt
	CopyData(ctx context.Context, line string) (driver.Result, error)
}

const handOn = 32 << 10 // bytes

// StartCopy begins a COPY, in a transaction of its own. Either Finish or Abort has to be called.
func StartCopy(ctx context.Context, conn *Conn, text string) (*Copy, error) {
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin to copy: %w", err)
	}
	c := &Copy{conn: conn, tx: tx}
	err = conn.Raw(func(raw any) error {
		stmt, err := raw.(driver.ConnPrepareContext).PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		to, ok := stmt.(copier)
		if !ok {
			return errors.Join(fmt.Errorf("the driver's statement, a %T, is no COPY", stmt), stmt.Close())
		}
		c.to = to
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin to copy: %w", err), tx.Rollback())
	}
	return c, nil
}

// Text adds a text to the row.
func (c *Copy) Text(text string) {
	c.separate()
	from := 0
	for i := range len(text) {
		var escaped string
		switch text[i] {
		case '\\':
			escaped = `\\`
		case '\t':
			escaped = `\t`
		case '\n':
			escaped = `\n`
		case '\r':
			escaped = `\r`
		default:
			continue
		}
		c.rows = append(append(c.rows, text[from:i]...), escaped...)
		from = i + 1
	}
	c.rows = append(c.rows, text[from:]...)
}

// TextOrNull adds a text to the row, and null for an empty one.
func (c *Copy) TextOrNull(text string) {
	if text == "" {
		c.null()
		return
	}
	c.Text(text)
}

// Int adds an integer to the row.
func (c *Copy) Int(n int64) {
	c.separate()
	c.rows = strconv.AppendInt(c.rows, n, 10)
}

// FloatOrNull adds a number to the row, and null for nil.
func (c *Copy) FloatOrNull(f *float64) {
	if f == nil {
		c.null()
		return
	}
	c.separate()
	c.rows = strconv.AppendFloat(c.rows, *f, 'g', -1, 64)
}

func (c *Copy) null() {
	c.separate()
	c.rows = append(c.rows, `\N`...)
}

// separate comes before each value.
func (c *Copy) separate() {
	if c.begun {
		c.rows = append(c.rows, '\t')
	}
	c.begun = true
}

// Next ends the row. What it returns may be about rows before it, since they are sent many at a time.
func (c *Copy) Next(ctx context.Context) error {
	c.rows, c.begun = append(c.rows, '\n'), false
	if len(c.rows) < handOn {
		return nil
	}
	return c.send(ctx)
}

func (c *Copy) send(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rows := string(c.rows[:len(c.rows)-1]) // the driver ends the last one
	c.rows = c.rows[:0]
	return c.conn.Raw(func(any) error {
		_, err := c.to.CopyData(context.WithoutCancel(ctx), rows)
		return err
	})
}

// Finish ends the COPY and commits it.
func (c *Copy) Finish(ctx context.Context) error {
	if len(c.rows) > 0 {
		if err := c.send(ctx); err != nil {
			return err
		}
	}
	if err := c.close(); err != nil {
		return err
	}
	return c.tx.Commit()
}

// Abort takes the COPY back. After Finish there is nothing to take back.
func (c *Copy) Abort() {
	_ = c.close()       // it is taken back whether or not it could be ended
	_ = c.tx.Rollback() // the session ends otherwise
}

func (c *Copy) close() error { return c.conn.Raw(func(any) error { return c.to.Close() }) }
