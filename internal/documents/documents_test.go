package documents_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/documents"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/validation"
)

func newKind(t *testing.T) *documents.Kind {
	t.Helper()
	served, err := validation.Served()
	if err != nil {
		t.Fatal(err)
	}
	k, err := documents.NewKind(served, "reference", "JurisdictionReference")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func kept(t *testing.T, db *postgres.DB, id uuid.UUID) (found string) {
	t.Helper()
	err := db.GetContext(t.Context(), &found, "select kind || ' ' || revision || ' ' || body from documents where id = $1", id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestNewKind_unknown(t *testing.T) {
	served, err := validation.Served()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := documents.NewKind(served, "reference", "Unheard"); err == nil {
		t.Error("NewKind of a schema that is not there = no error, want one")
	}
}

func TestKind_Holds(t *testing.T) {
	k := newKind(t)
	for body, want := range map[string]bool{`{"slug":"a","name":"A"}`: true, `{"slug":"a"}`: false, `{"slug":"a","name":7}`: false, `{`: false} {
		if got := k.Holds(documents.Document{Body: []byte(body)}); got != want {
			t.Errorf("Holds(%s) = %t, want %t", body, got, want)
		}
	}
}

func TestKind_Make(t *testing.T) {
	db, k, ctx, id := pgtest.Open(t), newKind(t), t.Context(), uuid.New()
	keep := func(revision int32, body string) {
		t.Helper()
		err := k.Make(ctx, db, func(postgres.Querier) ([]documents.Document, error) {
			return []documents.Document{{ID: id, Revision: revision, Body: []byte(body)}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		revision   int32
		body, want string
	}{
		{1, `{"slug":"one"}`, `reference 1 {"slug":"one"}`},
		{3, `{"slug":"three"}`, `reference 3 {"slug":"three"}`},
		{2, `{"slug":"two"}`, `reference 3 {"slug":"three"}`}, // whoever was slow does not put an older one back
	} {
		keep(c.revision, c.body)
		if got := kept(t, db, id); got != c.want {
			t.Errorf("after revision %d: %s, want %s", c.revision, got, c.want)
		}
	}
	if _, err := db.ExecContext(ctx, "update documents set schema = '\\x00'"); err != nil {
		t.Fatal(err)
	}
	keep(3, `{"slug":"again"}`)
	if got := kept(t, db, id); got != `reference 3 {"slug":"again"}` {
		t.Errorf("after another specification: %s", got)
	}
}

func TestKind_Make_errors(t *testing.T) {
	db, k, ctx, id := pgtest.Open(t), newKind(t), t.Context(), uuid.New()
	broken := errors.New("cannot be rendered")
	made := func(err error) func(postgres.Querier) ([]documents.Document, error) {
		return func(postgres.Querier) ([]documents.Document, error) {
			return []documents.Document{{ID: id, Body: []byte(`{"slug":"one"}`)}}, err
		}
	}
	if err := k.Make(ctx, db, made(broken)); !errors.Is(err, broken) {
		t.Errorf("Make of what cannot be rendered = %v, want its error", err)
	}
	if _, err := db.ExecContext(ctx, "drop table documents"); err != nil {
		t.Fatal(err)
	}
	if err := k.Make(ctx, db, made(nil)); err != nil {
		t.Errorf("Make of what cannot be kept = %v, want no error: it was rendered", err)
	}
}

// receiver is a response that is wrapped, and notes what it is told.
type receiver struct {
	http.ResponseWriter
	documents []string
}

func (r *receiver) WriteDocument(schema *validation.Schema, document []byte) (int, error) {
	if schema.Check([]byte(`{"slug":"a","name":"A"}`)) != nil {
		return 0, fmt.Errorf("another schema")
	}
	r.documents = append(r.documents, string(document))
	return len(document), nil
}

type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestKind_Writer(t *testing.T) {
	k, plain := newKind(t), httptest.NewRecorder()
	document, err := json.Marshal(map[string]string{"slug": "a", "name": "A"})
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{ResponseWriter: plain}
	if _, err := k.Writer(wrapper{wrapper{r}})(document); err != nil || len(r.documents) != 1 || r.documents[0] != string(document) {
		t.Errorf("a receiver got %q, %v", r.documents, err)
	}
	if _, err := k.Writer(wrapper{plain})(document); err != nil || plain.Body.String() != string(document) {
		t.Errorf("a response that knows nothing of documents got %s, %v", plain.Body, err)
	}
}
