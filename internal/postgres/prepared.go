package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"
)

// maxPrepared is how many statements a connection keeps prepared; the one that was not used for longest makes way.
const maxPrepared = 200

// preparing opens connections that prepare each statement once. A statement with parameters takes two round trips otherwise, and
// is parsed and planned each time.
type preparing struct{ driver.Connector }

// Connect opens a connection.
func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	c, ok := opened.(connection)
	if !ok {
		return nil, fmt.Errorf("the driver's connection, a %T, cannot do what is needed of it", opened)
	}
	return &prepared{connection: c, statements: map[string]driver.Stmt{}}, nil
}

// connection is what lib/pq's can do, and database/sql makes use of.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// prepared is a connection with the statements that were prepared on it.
type prepared struct {
	connection
	statements map[string]driver.Stmt // by their text
	used       []string               // the texts, the last used one last
	outdated   bool                   // a migration changed what one of them returns
}

// IsValid reports whether the connection may be used again.
func (p *prepared) IsValid() bool { return !p.outdated && p.connection.IsValid() }

// QueryContext runs a statement that returns rows.
func (p *prepared) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 { // these may be several at once, which cannot be prepared
		return p.connection.QueryContext(ctx, text, args)
	}
	s, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, inUTC(args))
	return rows, p.giveUp(err)
}

// ExecContext runs a statement that returns no rows.
func (p *prepared) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		return p.connection.ExecContext(ctx, text, args)
	}
	s, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(ctx, inUTC(args))
	return result, p.giveUp(err)
}

// inUTC tells instants in UTC: RFC 3339 has time zones that are 23 hours away, Postgres none beyond 15.
func inUTC(args []driver.NamedValue) []driver.NamedValue {
	for i, a := range args {
		if at, ok := a.Value.(time.Time); ok {
			args[i].Value = at.UTC()
		}
	}
	return args
}

func (p *prepared) statement(ctx context.Context, text string) (driver.Stmt, error) {
	if s, ok := p.statements[text]; ok {
		p.touch(text)
		return s, nil
	}
	if len(p.used) == maxPrepared {
		if err := p.forget(p.used[0]); err != nil {
			return nil, err
		}
	}
	s, err := p.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.statements[text] = s
	p.used = append(p.used, text)
	return s, nil
}

func (p *prepared) touch(text string) {
	if last := len(p.used) - 1; p.used[last] != text {
		i := slices.Index(p.used, text)
		copy(p.used[i:], p.used[i+1:])
		p.used[last] = text
	}
}

func (p *prepared) forget(text string) error {
	s := p.statements[text]
	delete(p.statements, text)
	p.used = slices.DeleteFunc(p.used, func(used string) bool { return used == text })
	return s.Close()
}

// giveUp gives a connection up on which a statement was prepared before a migration changed what it returns: it is run again on
// another. A transaction cannot be; it fails, and the connection goes with it.
func (p *prepared) giveUp(err error) error {
	var failure *pq.Error
	if errors.As(err, &failure) && failure.Code == "0A000" && failure.Routine == "RevalidateCachedQuery" {
		p.outdated = true
		return driver.ErrBadConn
	}
	return err
}
