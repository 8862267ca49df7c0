package page

import "github.com/plotwise/plotwise/gen/api"

// ToAPI returns the meta object of a list.
func ToAPI(m Meta) api.PageMeta {
	out := api.PageMeta{PerPage: int32(m.PerPage), NextUpdatedSince: m.NextUpdatedSince} //nolint:gosec // at most 100
	if m.NextCursor != "" {
		out.NextCursor = &m.NextCursor
	}
	if m.Number > 0 {
		number, total, relation := int32(m.Number), int32(m.Total), api.TotalRelationEq //nolint:gosec // both at most 10,000
		if m.More {
			relation = api.TotalRelationGte
		}
		out.Page, out.Total, out.TotalRelation = &number, &total, &relation
	}
	return out
}
