package portal

import (
	"context"
	"errors"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/idempotency"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// errSent says that a form came once more: its page was reloaded, or its button pressed twice.
var errSent = errors.New("the form was sent before")

// sentBefore is what people are told then, of forms whose answer shows a secret.
const sentBefore = "That form was sent before, so nothing was done again."

// once makes a form be carried out once, by the token that each page gives to it: call it in the transaction that does. It
// returns errSent for one that was, or is under way.
func (p *portal) once(ctx context.Context, v *visit) error {
	sent := idempotency.Request{OrganizationID: v.organizationID(), Method: v.r.Method, Path: v.r.URL.Path, Key: v.r.PostFormValue("once")}
	if sent.Key == "" {
		return errUnreadable
	}
	return postgres.InTx(ctx, p.DB, func(tx *postgres.Tx) error {
		kept, err := p.sent.Claim(ctx, tx, sent)
		var found *problem.Error
		switch {
		case kept != nil || errors.As(err, &found):
			return errSent
		case err != nil:
			return err
		}
		return p.sent.Keep(ctx, tx, sent, idempotency.Answer{Status: 200})
	})
}

// checkOrganization refuses a form that was opened for another organization than the one that is looked at now.
func (v *visit) checkOrganization() error {
	if meant := v.r.PostFormValue("organization"); meant != "" && meant != id.Format(id.Organization, v.organizationID()) {
		return problem.New(problem.Conflict, "other_organization",
			"You have switched to "+v.Current.Organization+" since that page was opened, so nothing was done. Switch back, and send it again.")
	}
	return nil
}
