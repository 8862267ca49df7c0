package organizations

import (
	"context"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// Handlers are the operations on organizations.
type Handlers struct {
	Organizations *Service
}

// GetMe answers GET /v1/me.
func (h Handlers) GetMe(ctx context.Context, _ api.GetMeRequestObject) (api.GetMeResponseObject, error) {
	caller := identity.From(ctx)
	o, err := h.Organizations.Get(ctx, caller.OrganizationID)
	if err != nil {
		return nil, err
	}
	me := api.Me{
		Organization: api.OrganizationReference{ID: id.Format(id.Organization, o.ID), Name: o.Name},
		Plan:         api.Plan(o.Plan),
		APIKey:       api.APIKeyReference{ID: id.Format(id.APIKey, caller.KeyID), Name: caller.KeyName},
		Limits: api.Limits{
			RequestsPerMinute: o.RequestsPerMinute, PermitSlots: o.PermitSlots, Seats: o.Seats, Conditions: o.Conditions,
		},
	}
	for _, p := range caller.Permissions {
		me.APIKey.Permissions = append(me.APIKey.Permissions, api.Permission(p))
	}
	return api.GetMe200JSONResponse{Body: api.MeResponse{Data: me}}, nil
}
