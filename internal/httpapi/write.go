package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/audit"
	"github.com/plotwise/plotwise/internal/idempotency"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/validation"
)

// What an idempotency key gives back beside the status and the body.
const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// write runs an operation that changes something as one unit of work. The transaction is in the context, where the
// handler's services join it; the key is looked at once more there; it is committed only when the answer is valid, kept
// for replay, and audited. So there is no failure after the effect, and no effect without its answer.
func (s *server) write(c echo.Context, op *validation.Operation, next echo.HandlerFunc, answer *buffer, body []byte) error {
	r := c.Request()
	request := keyed(r, op, body)
	if op.Waits {
		return s.wait(c, op, next, answer, request)
	}
	return postgres.InTx(r.Context(), s.db, func(tx *postgres.Tx) error {
		ctx := postgres.WithTx(r.Context(), tx)
		c.SetRequest(r.WithContext(ctx))
		replayed, err := s.claim(ctx, c, answer, tx, request)
		if err != nil || replayed {
			return err
		}
		if err := s.call(c, op, next, answer); err != nil {
			return err
		}
		return s.keep(ctx, c, op, answer, tx, request)
	})
}

// wait runs an operation whose answer waits for what others do: no transaction stays open meanwhile. The idempotency key
// is held by a mark that it is under way.
func (s *server) wait(c echo.Context, op *validation.Operation, next echo.HandlerFunc, answer *buffer, request *idempotency.Request) error {
	ctx := c.Request().Context()
	replayed := false
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) (err error) {
		if replayed, err = s.claim(ctx, c, answer, tx, request); err != nil || replayed || request == nil {
			return err
		}
		return s.idempotency.Begin(ctx, tx, *request)
	})
	if err != nil || replayed {
		return err
	}
	failed := s.call(c, op, next, answer)
	ctx = context.WithoutCancel(ctx) // what was done is kept, also when the client is gone
	return errors.Join(failed, postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		switch {
		case failed == nil:
			return s.keep(ctx, c, op, answer, tx, request)
		case request != nil:
			return s.idempotency.Drop(ctx, tx, *request)
		}
		return nil
	}))
}

// keyed returns what tells the request from others by its idempotency key; nil when it has none.
func keyed(r *http.Request, op *validation.Operation, body []byte) *idempotency.Request {
	key := r.Header.Get(keyHeader)
	if key == "" || op.Method != http.MethodPost {
		return nil
	}
	return &idempotency.Request{
		OrganizationID: identity.From(r.Context()).OrganizationID, Method: op.Method, Path: r.URL.EscapedPath(), Key: key, Body: body,
	}
}

// claim looks at the caller's key once more, and takes the idempotency key. It reports whether the answer is a kept one.
func (s *server) claim(ctx context.Context, c echo.Context, answer *buffer, tx *postgres.Tx, request *idempotency.Request) (replayed bool, err error) {
	if s.caller == nil {
		if err := s.keys.Confirm(ctx, tx, bearer(c.Request()), address(c)); err != nil {
			return false, err
		}
	}
	if request == nil {
		return false, nil
	}
	kept, err := s.idempotency.Claim(ctx, tx, *request)
	if err != nil || kept == nil {
		return false, err
	}
	replay(c, answer, kept) // as valid as it was then, whatever the specification says now
	return true, nil
}

// keep records what the handler did, and its answer for who repeats the request.
func (s *server) keep(ctx context.Context, c echo.Context, op *validation.Operation, answer *buffer, tx *postgres.Tx, request *idempotency.Request) error {
	caller := identity.From(ctx)
	if err := s.audit.Record(ctx, tx, audit.Entry{
		OrganizationID: caller.OrganizationID, KeyID: caller.KeyID, Operation: op.ID, Method: op.Method, Path: c.Request().URL.EscapedPath(),
		Status: answer.status, RequestID: requestID(c),
	}); err != nil || request == nil {
		return err
	}
	secretOf, err := secretOf(op, answer.body.Bytes())
	if err != nil {
		return err
	}
	header := c.Response().Header()
	return s.idempotency.Keep(ctx, tx, *request, idempotency.Answer{
		Status: answer.status, Location: header.Get(echo.HeaderLocation), ETag: header.Get("ETag"), Body: answer.body.Bytes(),
		SecretOf: secretOf,
	})
}

// secretOf returns the id of what an answer shows the secret of; "" for an operation that shows none.
func secretOf(op *validation.Operation, body []byte) (string, error) {
	if op.Secret == "" {
		return "", nil
	}
	var envelope struct{ Data struct{ ID string } }
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.Data.ID == "" {
		return "", fmt.Errorf("the answer of %s shows a secret, and no id to name it by: %w", op.ID, err)
	}
	return envelope.Data.ID, nil
}

// replay gives a kept answer again.
func replay(c echo.Context, answer *buffer, kept *idempotency.Answer) {
	header := c.Response().Header()
	for name, value := range map[string]string{echo.HeaderLocation: kept.Location, "ETag": kept.ETag} {
		if value != "" {
			header.Set(name, value)
		}
	}
	header.Set(replayedHeader, "true")
	header.Set(echo.HeaderContentType, "application/json")
	answer.status = kept.Status
	answer.body.Write(kept.Body)
}
