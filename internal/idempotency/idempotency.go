// Package idempotency makes a repeated POST with the same Idempotency-Key happen once: its first answer is kept in the
// transaction of its effect, and given again to whoever repeats the request.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// keep is how long an answer is given again.
const keep = 24 * time.Hour

// Request is a request that carries an idempotency key. Method, path and key tell it from the organization's others.
type Request struct {
	OrganizationID uuid.UUID
	Method         string
	Path           string
	Key            string // 1 to 255 characters
	Body           []byte
}

// Answer is what the request was answered with.
type Answer struct {
	Status   int    `db:"status"`
	Location string `db:"location"` // "" when the answer had none
	ETag     string `db:"etag"`     // as above
	Body     []byte `db:"body"`
	SecretOf string `db:"secret_of"` // id of what Body shows the secret of; "" for an answer without a secret
}

// Keys keeps the answers. It is safe for concurrent use.
type Keys struct {
	now func() time.Time
}

// NewKeys returns the Keys that go by that clock.
func NewKeys(now func() time.Time) *Keys { return &Keys{now: now} }

// Claim takes the request's key for the rest of the transaction. It returns the answer to give again, or nil when the
// request is to be carried out, and then Keep its answer. It never waits: while another request holds the key it returns
// idempotency_key_in_use, for another body idempotency_key_reused, and when the answer showed a secret
// secret_already_shown.
func (k *Keys) Claim(ctx context.Context, tx *postgres.Tx, r Request) (*Answer, error) {
	claimed, err := tryLock(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	if !claimed {
		return nil, errInUse
	}
	kept, err := get(ctx, tx, r, k.now().Add(-keep))
	if err != nil || kept == nil {
		return nil, err
	}
	if kept.Status == underWay {
		if k.now().Sub(kept.CreatedAt) < longest {
			return nil, errInUse
		}
		return nil, nil
	}
	if !bytes.Equal(kept.BodyHash, hash(r.Body)) {
		return nil, inHeader(problem.Unprocessable, "idempotency_key_reused",
			"This Idempotency-Key was sent before with another body; use a new key for each new request.", "must be new for a new body")
	}
	if kept.SecretOf != "" {
		return nil, alreadyShown(kept.SecretOf)
	}
	return &kept.Answer, nil
}

var errInUse = inHeader(problem.Conflict, "idempotency_key_in_use",
	"A request with this Idempotency-Key is being carried out; send this one again in a moment.", "must not be in use by a request under way")

func alreadyShown(of string) error {
	p := inHeader(problem.Conflict, "secret_already_shown",
		fmt.Sprintf("The answer to this Idempotency-Key held a secret, which is shown once; it was about %s.", of), "must be new for a new secret")
	p.Details[0].Value = of
	return p
}

// underWay is the status of a request whose answer is to come.
const underWay = 0

// longest is how long a request may be under way after its transaction; later than that its server has died.
const longest = time.Minute

// Begin marks a claimed request as under way beyond the transaction. Its answer is to be kept, or the mark dropped.
func (k *Keys) Begin(ctx context.Context, tx *postgres.Tx, r Request) error {
	return put(ctx, tx, r, Answer{Status: underWay}, k.now())
}

// Drop forgets a request that failed: it may be sent again.
func (k *Keys) Drop(ctx context.Context, tx *postgres.Tx, r Request) error { return drop(ctx, tx, r) }

// Keep stores the answer to a claimed request, without its body when that shows a secret, and forgets a few of the
// organization's that have had their time.
func (k *Keys) Keep(ctx context.Context, tx *postgres.Tx, r Request, a Answer) error {
	if a.SecretOf != "" {
		a.Body = nil
	}
	if err := put(ctx, tx, r, a, k.now()); err != nil {
		return err
	}
	return forget(ctx, tx, r.OrganizationID, k.now().Add(-keep))
}

func hash(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}

func inHeader(kind problem.Kind, code, message, want string) *problem.Error {
	return &problem.Error{
		Kind: kind, Code: code, Message: message,
		Details: []problem.Detail{{In: problem.InHeader, Pointer: "Idempotency-Key", Code: code, Message: want}},
	}
}
