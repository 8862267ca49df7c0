// Package postgres opens the database, migrates it, and runs transactions and named statements on it.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Options says how to use the database. The durations are the server's own limits on each connection; zero is none.
type Options struct {
	URL                string // a postgres:// URL or a key=value string, as libpq takes it
	MaxConnections     int
	StatementTimeout   time.Duration
	LockTimeout        time.Duration
	TransactionTimeout time.Duration // how long a transaction may sit idle
}

// DB is a pool of connections; it is safe for concurrent use.
type DB struct {
	*sqlx.DB
	dsn string
}

// Conn is one connection, for what belongs to a session: temporary tables and session locks.
type Conn struct{ *sqlx.Conn }

// Tx is a transaction.
type Tx struct {
	*sqlx.Tx
	last map[any]Last
}

// Last is what a transaction does last, right before it commits.
type Last interface {
	Flush(ctx context.Context, tx *Tx) error
}

// Last returns what the transaction is to do last under that key; the first time, it is made.
func (t *Tx) Last(key any, create func() Last) Last {
	if t.last == nil {
		t.last = map[any]Last{}
	}
	if t.last[key] == nil {
		t.last[key] = create()
	}
	return t.last[key]
}

// Querier is what statements run on: a DB, a Conn or a Tx.
type Querier interface {
	sqlx.ExecerContext
	sqlx.QueryerContext
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

// Open returns a pool. It does not connect yet: Ping does.
func Open(o Options) (*DB, error) {
	parameters := map[string]string{"application_name": "plotwise", "timezone": "UTC", "jit": "off"} // compiling takes longer than our statements
	for name, limit := range map[string]time.Duration{
		"statement_timeout":                   o.StatementTimeout,
		"lock_timeout":                        o.LockTimeout,
		"idle_in_transaction_session_timeout": o.TransactionTimeout,
	} {
		if limit > 0 {
			parameters[name] = strconv.FormatInt(limit.Milliseconds(), 10)
		}
	}
	dsn, err := withParameters(o.URL, parameters)
	if err != nil {
		return nil, err
	}
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		if !isURL(o.URL) { // of which pq shows what it cannot read, with the password
			err = errUnreadable
		}
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	db := sqlx.NewDb(sql.OpenDB(preparing{connector}), "postgres")
	db.SetMaxOpenConns(o.MaxConnections)
	db.SetMaxIdleConns(o.MaxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &DB{db, dsn}, nil
}

// errUnreadable stands for what is wrong with a connection string, without showing any of it.
var errUnreadable = errors.New("want postgres://user:password@host:port/database")

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// withParameters adds run-time parameters to a connection string of either form.
func withParameters(dsn string, parameters map[string]string) (string, error) {
	if !isURL(dsn) {
		for name, value := range parameters {
			dsn += " " + name + "=" + value
		}
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil { // which would show the password
		return "", fmt.Errorf("read the database URL: %w", errUnreadable)
	}
	query := u.Query()
	for name, value := range parameters {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// WithConn calls do with a connection of its own, which is closed afterwards with all its session holds. The
// statements on it have no time limit.
func WithConn(ctx context.Context, db *DB, do func(conn *Conn) error) error {
	conn, err := db.Connx(ctx)
	if err != nil {
		return fmt.Errorf("open a connection: %w", err)
	}
	defer func() {
		// What the session holds is given back before the next one asks for it; a broken connection holds nothing.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "discard all")
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // keeps it out of the pool
		_ = conn.Close()
	}()
	if _, err := conn.ExecContext(ctx, "set statement_timeout = 0"); err != nil {
		return fmt.Errorf("open a connection: %w", err)
	}
	return do(&Conn{conn})
}

// InSnapshot calls do in a transaction that only reads, however long it takes, and sees the database as it was when it began.
func InSnapshot(ctx context.Context, db *DB, do func(tx *Tx) error) error {
	return WithConn(ctx, db, func(conn *Conn) error {
		return InBriefSnapshot(ctx, conn, func(tx *Tx) error {
			if _, err := tx.ExecContext(ctx, "set local idle_in_transaction_session_timeout = 0"); err != nil {
				return fmt.Errorf("begin to read: %w", err)
			}
			return do(tx)
		})
	})
}

// InBriefSnapshot is an InSnapshot of a few quick statements: with the limits of db, and no connection of its own.
func InBriefSnapshot(ctx context.Context, db Beginner, do func(tx *Tx) error) error {
	raw, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer func() { _ = raw.Rollback() }() // there is nothing to commit
	return do(&Tx{Tx: raw})
}

type txKey struct{}

// WithTx returns a context that carries the transaction: InTx joins it and From returns it.
func WithTx(ctx context.Context, tx *Tx) context.Context {
	return context.WithValue(ctx, txKey{}, tx)
}

// From returns the context's transaction, or else the pool.
func From(ctx context.Context, db *DB) Querier {
	if tx, ok := ctx.Value(txKey{}).(*Tx); ok {
		return tx
	}
	return db
}

// Beginner opens transactions: a DB or a Conn.
type Beginner interface {
	BeginTxx(ctx context.Context, opts *sql.TxOptions) (*sqlx.Tx, error)
}

// InTx calls do in a transaction: the context's, which is left to whoever opened it, or else one of its own, which is
// committed when do returns nil and rolled back otherwise, also on a panic.
func InTx(ctx context.Context, db Beginner, do func(tx *Tx) error) error {
	if tx, ok := ctx.Value(txKey{}).(*Tx); ok {
		return do(tx)
	}
	raw, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = raw.Rollback() }() // nothing after a commit
	tx := &Tx{Tx: raw}
	if err := do(tx); err != nil {
		return err
	}
	for _, last := range tx.last {
		if err := last.Flush(ctx, tx); err != nil {
			return err
		}
	}
	if err := raw.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// IsUniqueViolation reports whether err is the breach of the unique constraint of that name.
func IsUniqueViolation(err error, constraint string) bool {
	var e *pq.Error
	return errors.As(err, &e) && e.Code == "23505" && e.Constraint == constraint
}

// IsLockTimeout reports whether err says that a lock was not to be had in time.
func IsLockTimeout(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) && e.Code == "55P03"
}

// IsUnavailable reports whether err says that the database is away, or too busy, rather than that the statement is wrong.
func IsUnavailable(err error) bool {
	var e *pq.Error
	if errors.As(err, &e) {
		switch e.Code.Class() {
		case "08", "40", "53", "57": // connection, rollback (deadlock), resources, operator intervention (shutdown, statement timeout)
			return true
		}
		return IsLockTimeout(err)
	}
	return errors.Is(err, driver.ErrBadConn) || isNetwork(err)
}
