package drills

import (
	"strings"
	"testing"
)

// TestSignInLink shows that what lets somebody in is noted in every organization that it leads into.
func TestSignInLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, organization := range []string{"One", "Two", "Three"} {
		w.organization(t, organization, 0)
	}
	for _, organization := range []string{"One", "Two"} {
		if code, out, failure := complete(t, w.url, "org", "add-member", "--organization", organization, "--email", "Somebody@example.com", "--name", "Somebody", "--role", "admin"); code != 0 {
			t.Fatalf("add-member ended with %d: %s%s", code, out, failure)
		}
	}
	code, out, failure := complete(t, w.url, "org", "sign-in-link", "--email", "somebody@example.com")
	if code != 0 || !strings.HasPrefix(out, "http://localhost:8080/settings/link/") {
		t.Errorf("sign-in-link ended with %d: %q %s", code, out, failure)
	}
	if code, out, _ := complete(t, w.url, "org", "sign-in-link", "--email", "nobody@example.com"); code != 1 || out != "" {
		t.Errorf("sign-in-link of nobody ended with %d and %q, want 1 and no link", code, out)
	}
	var noted string
	if err := w.db.GetContext(t.Context(), &noted, `select string_agg(o.name, ' ' order by o.name) from audit_log a join organizations o on o.id = a.organization_id
		where a.operation = 'createSignInLink' and a.api_key_id is null and a.member_id is null`); err != nil || noted != "One Two" {
		t.Errorf("links are noted of %q, %v; want One Two", noted, err)
	}
}
