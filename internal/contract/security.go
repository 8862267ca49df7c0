package contract

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
)

// trySecurity sends an operation without a key, with a key that is none, with keys that lack the permission, and with
// another organization's key.
func (s *Suite) trySecurity(ctx context.Context, op Operation) {
	if !op.Secured {
		return
	}
	s.bind(ctx, op, func(b binding) bool {
		r := s.request(op, b)
		for key, what := range map[string]string{"": "no key", "no-such-key": "a key that is none"} {
			r.Key = key
			s.expect(ctx, r, http.StatusUnauthorized, what)
		}
		for permission, key := range s.keys.Permissions {
			if op.Permission != "" && permission != op.Permission {
				r.Key = key
				s.expect(ctx, r, http.StatusForbidden, "a key that may only "+permission)
			}
		}
		for _, k := range s.keys.Refused {
			r.Key = k.Key
			if e, ok := s.send(ctx, r, k.Name); ok && (e.Status != k.Status || failureOf(e).Code != k.Code) {
				s.fail(e, k.Name, Fault{"status", "key", fmt.Sprintf("is %d %s, want %d %s", e.Status, failureOf(e).Code, k.Status, k.Code)})
			}
		}
		s.tryOther(ctx, op, b)
		return true
	})
}

var requestIDs = regexp.MustCompile(`req_[0-9a-z]+`)

// tryOther sends another organization's key with the ids of what this one made: the answer has to be that of what does
// not exist, word for word.
func (s *Suite) tryOther(ctx context.Context, op Operation, b binding) {
	if s.options.OtherKey == "" || b.release == nil || !s.own(op) {
		return
	}
	r := s.request(op, b)
	r.Key = s.options.OtherKey
	theirs, ok := s.send(ctx, r, "another organization's key")
	if !ok {
		return
	}
	r.Path = unknownPath(op, b)
	unknown, ok := s.send(ctx, r, "another organization's key and an unknown id")
	if !ok {
		return
	}
	mask := func(e Exchange) []byte { return requestIDs.ReplaceAll(e.Body, nil) }
	if theirs.Status != http.StatusNotFound || !bytes.Equal(mask(theirs), mask(unknown)) {
		s.fail(theirs, "another organization's key", Fault{"status", "isolation", fmt.Sprintf("is %d, want 404 and the words for an unknown id (%d)", theirs.Status, unknown.Status)})
	}
}

// own reports whether an operation is about one thing that an organization made: its path ends where one of the links of
// a creation leads that can delete it.
func (s *Suite) own(op Operation) bool {
	for _, creator := range s.operations {
		for _, l := range creator.Responses["201"].Links {
			to := s.byID[l.Operation]
			if to.Method == http.MethodDelete && to.Path == op.Path {
				return true
			}
		}
	}
	return slices.Contains([]string{http.MethodPatch, http.MethodDelete}, op.Method)
}
