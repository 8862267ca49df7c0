package contacts

import (
	"context"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on contacts.
type Handlers struct {
	Contacts *Service
}

// ListContacts answers GET /v1/contacts.
func (h Handlers) ListContacts(ctx context.Context, request api.ListContactsRequestObject) (api.ListContactsResponseObject, error) {
	p := request.Params
	f := Filter{UpdatedSince: p.UpdatedSince}
	if p.Q != nil {
		f.Words = *p.Q
	}
	if p.Role != nil {
		f.Role = string(*p.Role)
	}
	if p.EntityType != nil {
		f.EntityType = string(*p.EntityType)
	}
	found, meta, err := h.Contacts.List(ctx, identity.From(ctx).OrganizationID, f, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.ContactList{Data: make([]api.Contact, len(found)), Meta: page.ToAPI(meta)}
	for i, c := range found {
		body.Data[i] = toAPI(c)
	}
	return api.ListContacts200JSONResponse{
		Body: body, Headers: api.ListContacts200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
}

// GetContact answers GET /v1/contacts/{contact_id}.
func (h Handlers) GetContact(ctx context.Context, request api.GetContactRequestObject) (api.GetContactResponseObject, error) {
	c, err := h.Contacts.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Contact, request.ContactID))
	if err != nil {
		return nil, err
	}
	return api.GetContact200JSONResponse{Body: api.ContactResponse{Data: toAPI(c)}}, nil
}

func toAPI(c Contact) api.Contact {
	out := api.Contact{
		ID: id.Format(id.Contact, c.ID), EntityType: api.EntityType(c.EntityType), Name: c.Name, Person: c.Person, Company: c.Company,
		Phone: c.Phone, Email: c.Email, Address: c.Address, Roles: make([]api.PartyRole, len(c.Roles)), Licenses: c.Licenses,
		PermitCount: c.PermitCount, MergedIds: make([]api.ContactID, len(c.MergedIDs)),
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	for i, role := range c.Roles {
		out.Roles[i] = api.PartyRole(role)
	}
	for i, merged := range c.MergedIDs {
		out.MergedIds[i] = id.Format(id.Contact, merged)
	}
	return out
}
