// Package documents keeps resources as the JSON that they are answered with. Each is rendered, and held against the specification,
// once for each of its revisions; then its bytes are sent as they are.
//
// A resource takes part like this: its table counts revisions; its statements read the document beside the row, where kind,
// revision and schema agree; what is missing it renders within Make; and its answer goes out by Writer.
package documents

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/validation"
)

// Document is a resource as JSON.
type Document struct {
	ID       uuid.UUID
	Revision int32
	Body     []byte
}

// Kind keeps the documents of one kind. It is safe for concurrent use.
type Kind struct {
	name   string
	schema *validation.Schema
	hash   []byte
}

// NewKind returns the kind whose documents are instances of a schema of the specification.
func NewKind(specification *validation.Document, name, schema string) (*Kind, error) {
	compiled, ok := specification.Schemas[schema]
	if !ok {
		return nil, fmt.Errorf("the specification has no schema %s", schema)
	}
	sum := sha256.Sum256(compiled.Text)
	return &Kind{name, compiled, sum[:8]}, nil
}

// Name is the column kind of the table documents.
func (k *Kind) Name() string { return k.name }

// Hash is the column schema: what is held against another schema tells another hash.
func (k *Kind) Hash() []byte { return k.hash }

// Holds reports whether the schema holds for a document. One that breaks it is not kept; whoever validates the answer says why.
func (k *Kind) Holds(d Document) bool { return k.schema.Check(d.Body) == nil }

// Make calls render, which reads resources and returns those of their documents that hold, and keeps these for those who ask next.
// What changes in documents without a new revision, like the name of a jurisdiction, waits until that is done, and then deletes
// them. What cannot be kept is made again next time. It returns the error of render.
func (k *Kind) Make(ctx context.Context, db *postgres.DB, render func(q postgres.Querier) ([]Document, error)) error {
	made := false
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		locked, err := lock(ctx, tx)
		if err != nil {
			return err
		}
		rendered, err := render(tx)
		if made = err == nil; !made || !locked || len(rendered) == 0 {
			return err
		}
		return put(ctx, tx, k.name, k.hash, rendered)
	})
	if made {
		return nil
	}
	return err
}

// Receiver is a response that is told which parts of it were held against the specification before.
type Receiver interface {
	WriteDocument(schema *validation.Schema, document []byte) (int, error)
}

// Writer returns a function that sends documents that hold as parts of a response.
func (k *Kind) Writer(w http.ResponseWriter) func(document []byte) (int, error) {
	for inner := w; ; {
		switch v := inner.(type) {
		case Receiver:
			return func(document []byte) (int, error) { return v.WriteDocument(k.schema, document) }
		case interface{ Unwrap() http.ResponseWriter }:
			inner = v.Unwrap()
		default:
			return w.Write
		}
	}
}
