package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/documents"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/validation"
)

const (
	bareTurns = 5
	bareSlice = time.Second
)

// bare is what a handler without anything around it needs for an answer: the statement that the API runs for it, and the bytes
// around what that returns.
type bare struct {
	name, path string
	statement  string
	arguments  []any
	tail       string // of the answer
}

// bareCost measures a list and a detail with all that stands around them, beside handlers of net/http and lib/pq that send the same
// bytes from the same prepared statements, and beside pgbench, which runs the statements alone.
func (b *bench) bareCost(ctx context.Context) error {
	db, err := b.imported(ctx)
	if err != nil {
		return err
	}
	kinds, who, err := kinds(ctx, db)
	if err != nil {
		return err
	}
	var permit uuid.UUID // not watched, without notes
	if err := db.GetContext(ctx, &permit, "select uuid from permits order by uuid offset 1000 limit 1"); err != nil {
		return err
	}
	list, err := b.learn(ctx, who, bare{name: "list of 25", path: listPath}, "permit", "Permit")
	if err != nil {
		return err
	}
	detail, err := b.learn(ctx, who, bare{name: "detail", path: "/v1/permits/" + permit.String()}, "permit_details", "PermitDetails")
	if err != nil {
		return err
	}
	detail.arguments = append([]any{who.OrganizationID, permit}, detail.arguments...)
	// The documents are there. Both sides begin with connections of their own, or one would go on with what was planned before.
	if _, err := db.ExecContext(ctx, "vacuum analyze"); err != nil {
		return err
	}
	plain, err := sql.Open("postgres", b.server.URL(importedDatabase)+"&jit=off")
	if err != nil {
		return err
	}
	defer plain.Close()
	plain.SetMaxOpenConns(connections)
	plain.SetMaxIdleConns(connections)
	fresh, err := b.open(importedDatabase)
	if err != nil {
		return err
	}
	defer fresh.Close()
	address, end, err := listenService(ctx, fresh, validation.Fast)
	if err != nil {
		return err
	}
	defer end()
	for _, of := range []struct {
		bare
		answer func(ctx context.Context, stmt *sql.Stmt, into *bytes.Buffer) error
		ours   request
	}{{list, list.list, kinds[0].request}, {detail, detail.detail, who.get(detail.path)}} {
		if err := b.compareBare(ctx, plain, of.bare, of.answer, address, of.ours); err != nil {
			return err
		}
	}
	return nil
}

// learn asks the API for a path over a single connection, and takes from there the statement that reads documents, and what
// of the answer stands around them.
func (b *bench) learn(ctx context.Context, who tenant, of bare, kindName, schema string) (bare, error) {
	single, err := postgres.Open(postgres.Options{URL: b.server.URL(importedDatabase), MaxConnections: 1})
	if err != nil {
		return of, err
	}
	defer single.Close()
	handler, end, err := newService(ctx, single, nil)
	if err != nil {
		return of, err
	}
	defer end()
	var body []byte
	for range 2 { // the first may find no documents yet
		r, w := httptest.NewRequestWithContext(ctx, http.MethodGet, of.path, nil), httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+who.key)
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return of, fmt.Errorf("%s: %d %s", of.path, w.Code, w.Body)
		}
		body = w.Body.Bytes()
	}
	var found []string
	if err := single.SelectContext(ctx, &found, "select statement from pg_prepared_statements where statement like '%from documents d%'"); err != nil {
		return of, err
	}
	if len(found) != 1 {
		return of, fmt.Errorf("%d statements read documents for %s, want 1", len(found), of.path)
	}
	specification, err := validation.Served()
	if err != nil {
		return of, err
	}
	k, err := documents.NewKind(specification, kindName, schema)
	if err != nil {
		return of, err
	}
	of.statement, of.arguments = found[0], []any{k.Name(), k.Hash()}
	mark := `],"meta":`
	if kindName == "permit_details" {
		mark = `,"condition_ids":`
	}
	at := bytes.LastIndex(body, []byte(mark))
	if at < 0 {
		return of, fmt.Errorf("there is no %s in the answer of %s", mark, of.path)
	}
	of.tail = string(body[at:])
	return of, nil
}

// list writes the first 25 rows' documents.
func (of bare) list(ctx context.Context, stmt *sql.Stmt, into *bytes.Buffer) error {
	rows, err := stmt.QueryContext(ctx, of.arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	into.WriteString(`{"data":`)
	between := byte('[')
	for n := 0; rows.Next() && n < 25; n++ {
		var id, sorted, document sql.RawBytes
		if err := rows.Scan(&id, &sorted, &document); err != nil {
			return err
		}
		into.WriteByte(between)
		into.Write(document)
		between = ','
	}
	into.WriteString(of.tail)
	return rows.Err()
}

// detail writes the row's document.
func (of bare) detail(ctx context.Context, stmt *sql.Stmt, into *bytes.Buffer) error {
	rows, err := stmt.QueryContext(ctx, of.arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return errors.Join(rows.Err(), sql.ErrNoRows)
	}
	var checked, tags, priority, added, document, conditions, noted sql.RawBytes
	if err := rows.Scan(&checked, &tags, &priority, &added, &document, &conditions, &noted); err != nil {
		return err
	}
	into.WriteString(`{"data":`)
	into.Write(document[:len(document)-1])
	into.WriteString(of.tail)
	return rows.Err()
}

// compareBare measures one kind of request, after it made sure that both send the same bytes.
func (b *bench) compareBare(ctx context.Context, plain *sql.DB, of bare, answer func(context.Context, *sql.Stmt, *bytes.Buffer) error, address string, ours request) error {
	stmt, err := plain.PrepareContext(ctx, of.statement)
	if err != nil {
		return err
	}
	defer stmt.Close()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if err := answer(r.Context(), stmt, &body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
		_, _ = w.Write(body.Bytes())
	})
	theirs, end, err := listen(handler)
	if err != nil {
		return err
	}
	defer end()
	size, err := sameBytes(ctx, ours, address, theirs, of.path)
	if err != nil {
		return err
	}
	sides := []side{b.throughput("ours", address, ours), b.throughput("bare", theirs, ours)}
	if pgbench, err := exec.LookPath("pgbench"); err == nil {
		script, err := of.script(b.dir)
		if err != nil {
			return err
		}
		sides = append(sides, b.pgbench(pgbench, script, of.arguments))
	}
	figures, err := takeTurns(ctx, bareTurns, bareSlice, sides...)
	if err != nil {
		return err
	}
	r := row{
		what: fmt.Sprintf("%s, all around it ÷ a bare handler, %.1f KB", of.name, float64(size)/1000), ours: perSecond(figures[0]), theirs: perSecond(figures[1]),
		values: ratios(figures[0], figures[1]), bar: 0.65, lines: []string{"pgbench is not installed: it would run the same statement"},
	}
	if len(figures) == 3 {
		r.lines = []string{fmt.Sprintf("pgbench runs the statement %s: ours %.2f of that, the bare handler %.2f", perSecond(figures[2]),
			median(ratios(figures[0], figures[2])), median(ratios(figures[1], figures[2])))}
	}
	b.add(r)
	return nil
}

// sameBytes returns how long the body of both is.
func sameBytes(ctx context.Context, ours request, addresses ...string) (int, error) {
	path, addresses := addresses[len(addresses)-1], addresses[:len(addresses)-1]
	var bodies [][]byte
	_, key, _ := strings.Cut(string(ours.Text), "Bearer ")
	key, _, _ = strings.Cut(key, "\r\n")
	for _, address := range addresses {
		body, err := get(ctx, "http://"+address+path, key)
		if err != nil {
			return 0, err
		}
		bodies = append(bodies, body)
	}
	if !bytes.Equal(bodies[0], bodies[1]) {
		return 0, fmt.Errorf("the bare handler sends other bytes for %s:\n%s\n%s", path, bodies[0], bodies[1])
	}
	return len(bodies[0]), nil
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// script writes the statement into a file as pgbench takes it: its parameters are variables.
func (of bare) script(dir string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(of.statement) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			b.WriteString(line)
		}
	}
	text := parameter.ReplaceAllString(b.String(), ":p$1") + ";\n"
	file := filepath.Join(dir, "statement.sql")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(without`)

// pgbench is a side whose figure is how often a second pgbench runs the statement, over as many connections as there are callers.
func (b *bench) pgbench(program, script string, arguments []any) side {
	return side{"pgbench", func(ctx context.Context, length time.Duration) (float64, error) {
		args := []string{"-n", "-M", "prepared", "-c", strconv.Itoa(callers), "-T", strconv.Itoa(max(1, int(length.Seconds()))), "-f", script}
		for i, a := range arguments {
			text := fmt.Sprint(a)
			if raw, ok := a.([]byte); ok {
				text = fmt.Sprintf(`\x%x`, raw)
			}
			args = append(args, "-D", fmt.Sprintf("p%d=%s", i+1, text))
		}
		out, err := exec.CommandContext(ctx, program, append(args, b.server.URL(importedDatabase))...).CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, out)
		}
		found := tps.FindSubmatch(out)
		if found == nil {
			return 0, fmt.Errorf("pgbench tells no transactions a second: %s", out)
		}
		return strconv.ParseFloat(string(found[1]), 64)
	}}
}
