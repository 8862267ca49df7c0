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
		Limits:       limitsToAPI(o),
	}
	for _, p := range caller.Permissions {
		me.APIKey.Permissions = append(me.APIKey.Permissions, api.Permission(p))
	}
	return api.GetMe200JSONResponse{Body: api.MeResponse{Data: me}}, nil
}

// GetOrganization answers GET /v1/organization.
func (h Handlers) GetOrganization(ctx context.Context, _ api.GetOrganizationRequestObject) (api.GetOrganizationResponseObject, error) {
	o, err := h.Organizations.Get(ctx, identity.From(ctx).OrganizationID)
	if err != nil {
		return nil, err
	}
	return api.GetOrganization200JSONResponse{Body: api.OrganizationResponse{Data: api.Organization{
		ID: id.Format(id.Organization, o.ID), Name: o.Name, Plan: api.Plan(o.Plan), Limits: limitsToAPI(o),
		Used: api.Used{PermitSlots: o.UsedPermitSlots, Seats: o.UsedSeats, Conditions: o.UsedConditions}, TimeZone: o.TimeZone, CreatedAt: o.CreatedAt.UTC(),
	}}}, nil
}

func limitsToAPI(o Organization) api.Limits {
	return api.Limits{RequestsPerMinute: o.RequestsPerMinute, PermitSlots: o.PermitSlots, Seats: o.Seats, Conditions: o.Conditions}
}
