package notes

import (
	"context"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on notes.
type Handlers struct {
	Notes *Service
}

// ListNotes answers GET /v1/permits/{permit_uuid}/notes.
func (h Handlers) ListNotes(ctx context.Context, request api.ListNotesRequestObject) (api.ListNotesResponseObject, error) {
	p := request.Params
	found, meta, err := h.Notes.List(ctx, identity.From(ctx).OrganizationID, request.PermitUUID, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.NoteList{Data: make([]api.Note, len(found)), Meta: page.ToAPI(meta)}
	for i, n := range found {
		body.Data[i] = toAPI(n)
	}
	return api.ListNotes200JSONResponse{Body: body, Headers: api.ListNotes200ResponseHeaders{Link: page.Link(ctx, meta)}}, nil
}

// CreateNote answers POST /v1/permits/{permit_uuid}/notes.
func (h Handlers) CreateNote(ctx context.Context, request api.CreateNoteRequestObject) (api.CreateNoteResponseObject, error) {
	caller := identity.From(ctx)
	n, err := h.Notes.Create(ctx, caller.OrganizationID, request.PermitUUID, caller.KeyID, request.Body.Body)
	if err != nil {
		return nil, err
	}
	location := "/v1/notes/" + id.Format(id.Note, n.ID)
	return api.CreateNote201JSONResponse{
		Body: api.NoteResponse{Data: toAPI(n)}, Headers: api.CreateNote201ResponseHeaders{ETag: etag.Of(n.Version), Location: &location},
	}, nil
}

// GetNote answers GET /v1/notes/{note_id}.
func (h Handlers) GetNote(ctx context.Context, request api.GetNoteRequestObject) (api.GetNoteResponseObject, error) {
	n, err := h.Notes.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Note, request.NoteID))
	if err != nil {
		return nil, err
	}
	return api.GetNote200JSONResponse{Body: api.NoteResponse{Data: toAPI(n)}, Headers: api.GetNote200ResponseHeaders{ETag: etag.Of(n.Version)}}, nil
}

// UpdateNote answers PATCH /v1/notes/{note_id}.
func (h Handlers) UpdateNote(ctx context.Context, request api.UpdateNoteRequestObject) (api.UpdateNoteResponseObject, error) {
	n, err := h.Notes.Update(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Note, request.NoteID), request.Params.IfMatch, request.Body.Body)
	if err != nil {
		return nil, err
	}
	return api.UpdateNote200JSONResponse{Body: api.NoteResponse{Data: toAPI(n)}, Headers: api.UpdateNote200ResponseHeaders{ETag: etag.Of(n.Version)}}, nil
}

// DeleteNote answers DELETE /v1/notes/{note_id}.
func (h Handlers) DeleteNote(ctx context.Context, request api.DeleteNoteRequestObject) (api.DeleteNoteResponseObject, error) {
	if err := h.Notes.Delete(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Note, request.NoteID), request.Params.IfMatch); err != nil {
		return nil, err
	}
	return api.DeleteNote204Response{}, nil
}

func toAPI(n Note) api.Note {
	return api.Note{
		ID: id.Format(id.Note, n.ID), PermitUUID: n.PermitUUID, Body: n.Body,
		Author:    api.NoteAuthor{Type: api.AuthorTypeAPIKey, ID: id.Format(id.APIKey, n.APIKeyID), Name: n.APIKeyName},
		CreatedAt: n.CreatedAt.UTC(), UpdatedAt: n.UpdatedAt.UTC(),
	}
}
