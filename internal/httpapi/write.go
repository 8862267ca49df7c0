package httpapi

import (
	"encoding/json"
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
// handler's services join it; the key is looked at once more there; it is committed only when the answer is valid, kept for replay, and audited. So there is
// no failure after the effect, and no effect without its answer.
func (s *server) write(c echo.Context, op *validation.Operation, next echo.HandlerFunc, answer *buffer, body []byte) error {
	r := c.Request()
	return postgres.InTx(r.Context(), s.db, func(tx *postgres.Tx) error {
		c.SetRequest(r.WithContext(postgres.WithTx(r.Context(), tx)))
		if s.caller == nil {
			if err := s.keys.Confirm(r.Context(), tx, bearer(r), address(c)); err != nil {
				return err
			}
		}
		key := r.Header.Get(keyHeader)
		if key == "" || op.Method != http.MethodPost {
			return s.effect(c, op, next, answer, tx)
		}
		request := idempotency.Request{
			OrganizationID: identity.From(r.Context()).OrganizationID, Method: op.Method, Path: r.URL.EscapedPath(), Key: key, Body: body,
		}
		kept, err := s.idempotency.Claim(r.Context(), tx, request)
		if err != nil {
			return err
		}
		if kept != nil {
			replay(c, answer, kept) // as valid as it was then, whatever the specification says now
			return nil
		}
		if err := s.effect(c, op, next, answer, tx); err != nil {
			return err
		}
		secretOf, err := secretOf(op, answer.body.Bytes())
		if err != nil {
			return err
		}
		header := c.Response().Header()
		return s.idempotency.Keep(r.Context(), tx, request, idempotency.Answer{
			Status: answer.status, Location: header.Get(echo.HeaderLocation), ETag: header.Get("ETag"), Body: answer.body.Bytes(),
			SecretOf: secretOf,
		})
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

// effect runs the handler and records what it did.
func (s *server) effect(c echo.Context, op *validation.Operation, next echo.HandlerFunc, answer *buffer, tx *postgres.Tx) error {
	if err := s.call(c, op, next, answer); err != nil {
		return err
	}
	r := c.Request()
	caller := identity.From(r.Context())
	return s.audit.Record(r.Context(), tx, audit.Entry{
		OrganizationID: caller.OrganizationID, KeyID: caller.KeyID, Operation: op.ID, Method: op.Method, Path: r.URL.EscapedPath(),
		Status: answer.status, RequestID: requestID(c),
	})
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
