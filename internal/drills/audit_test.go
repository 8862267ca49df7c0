package drills

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
)

// complete runs a command of the program on a database to its end, and returns its exit code and what it printed.
func complete(t *testing.T, databaseURL string, arguments ...string) (code int, out, failure string) {
	t.Helper()
	cmd := exec.Command(binary, arguments...)
	cmd.Env = environ("PLOTWISE_DATABASE_URL="+databaseURL, "PLOTWISE_SECRET_KEY="+secretKey)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// audited is what plotwise audit --json prints.
type audited struct {
	Clean         bool
	Organizations int
	Events        int
	Webhooks      int
	Pairs         int
	Deliveries    map[string]int
	Bodies        int
	Findings      []struct {
		Kind     string
		Warning  bool
		Count    int
		Examples []map[string]string
	}
}

// audit runs plotwise audit --json, and fails the test unless it ends with that code.
func (w *world) audit(t *testing.T, want int, arguments ...string) audited {
	t.Helper()
	code, out, failure := complete(t, w.url, append([]string{"audit", "--json"}, arguments...)...)
	if code != want {
		t.Errorf("audit %q ended with %d, want %d: %s%s", arguments, code, want, out, failure)
	}
	var a audited
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatalf("audit %q printed %q: %v", arguments, out, err)
	}
	return a
}

// TestAudit shows that the audit is clean after imports, names what is lost, and tells by its exit code what came of it.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if code, out, failure := complete(t, w.url, "seed"); code != 0 {
		t.Fatalf("seed ended with %d: %s%s", code, out, failure)
	}
	w.organization(t, "Other", 0)
	a := w.audit(t, 0)
	if !a.Clean || a.Organizations != 2 || a.Webhooks != 1 || a.Events < 40 || a.Pairs != a.Events || a.Deliveries["pending"] != a.Pairs || a.Bodies != a.Events || len(a.Findings) != 0 {
		t.Errorf("audit of what seed imported = %+v, want every event of both organizations at the paused webhook, and nothing found", a)
	}
	if code, out, _ := complete(t, w.url, "audit", "--organization", "Other"); code != 0 || !strings.HasPrefix(out, "Audited 1 organizations, 0 events and 0 webhooks in ") ||
		!strings.HasSuffix(out, "Clean: each pair has its delivery, and each delivery what proves its state.\n") {
		t.Errorf("audit of the other organization ended with %d and %q, want 0 and nothing audited", code, out)
	}

	var lost struct {
		Organization uuid.UUID `db:"organization_id"`
		Event        uuid.UUID `db:"event_id"`
		Webhook      uuid.UUID `db:"webhook_id"`
	}
	if err := w.db.GetContext(t.Context(), &lost, `delete from deliveries where id = (select min(cast(id as text)) from deliveries)::uuid
		returning organization_id, event_id, webhook_id`); err != nil {
		t.Fatal(err)
	}
	organization, event, webhook := id.Format(id.Organization, lost.Organization), id.Format(id.Event, lost.Event), id.Format(id.Webhook, lost.Webhook)
	a = w.audit(t, 1, "--organization", organization)
	if a.Clean || a.Organizations != 1 || len(a.Findings) != 1 || a.Findings[0].Kind != "missing" || a.Findings[0].Count != 1 || len(a.Findings[0].Examples) != 1 {
		t.Fatalf("audit = %+v, want one missing", a)
	}
	example := a.Findings[0].Examples[0]
	if example["organization_id"] != organization || example["event_id"] != event || example["webhook_id"] != webhook || example["delivery_id"] != "" {
		t.Errorf("example = %v, want %s, %s, %s", example, organization, event, webhook)
	}
	code, out, failure := complete(t, w.url, "audit", "--examples", "1")
	lines := strings.Split(out, "\n")
	named := slices.IndexFunc(lines, func(l string) bool {
		return strings.HasPrefix(strings.TrimSpace(l), organization+"  "+event+"  "+webhook+"  number ")
	})
	if code != 1 || named < 0 || !strings.HasSuffix(out, "The audit failed.\n") || strings.Contains(failure, "plotwise:") {
		t.Errorf("audit ended with %d, %q and %q; want 1, %s, %s and %s, and no failure", code, out, failure, organization, event, webhook)
	}
	if code, out, _ := complete(t, w.url, "audit", "--organization", "Other"); code != 0 {
		t.Errorf("audit of the other organization ended with %d: %s", code, out)
	}
}

// TestAudit_warnings shows that warnings fail it when it is strict.
func TestAudit_warnings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	organization := w.organization(t, "Palmetto Builders", 0)
	if _, err := w.db.ExecContext(t.Context(), `insert into quarantined_events (organization_id, id, type, permit_uuid, body, reason, created_at)
		values ($1, $2, 'permit.status_changed', $2, '{}', E'it is\n- "broken"', now())`, organization, newID()); err != nil {
		t.Fatal(err)
	}
	if a := w.audit(t, 0); !a.Clean || len(a.Findings) != 1 || a.Findings[0].Kind != "quarantined" || !a.Findings[0].Warning {
		t.Errorf("audit = %+v, want it clean with a warning", a)
	}
	if a := w.audit(t, 1, "--strict"); a.Clean {
		t.Errorf("audit --strict = %+v, want it not clean", a)
	}
	code, out, _ := complete(t, w.url, "audit")
	if code != 0 || !strings.Contains(out, "quarantined (warning)  1 ") || !strings.Contains(out, `it is - "broken"`) || !strings.Contains(out, "\nClean, but for the warnings: ") {
		t.Errorf("audit ended with %d and %q, want 0 and the warning with its reason", code, out)
	}
}

// TestAudit_notDone shows what is told from findings: that nothing was audited.
func TestAudit_notDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name, url string
		arguments []string
		want      string
	}{
		{"an organization that is not there", w.url, []string{"--organization", "Nobody"}, `--organization "Nobody"`},
		{"no database", "postgres://127.0.0.1:1/none?sslmode=disable", nil, "connect"},
		{"a negative time", w.url, []string{"--overdue=-1s"}, "--overdue: -1s: want 0s or more"},
		{"too many examples", w.url, []string{"--examples", "1001"}, "--examples: 1001: want 0 to 1000"},
	} {
		code, out, failure := complete(t, c.url, append([]string{"audit"}, c.arguments...)...)
		if code != 2 || out != "" || !strings.Contains(failure, c.want) {
			t.Errorf("%s: audit ended with %d, %q and %q; want 2, nothing, and %q", c.name, code, out, failure, c.want)
		}
	}
	code, _, failure := complete(t, w.url, "org", "set-plan", "Nobody", "starter")
	if code != 1 {
		t.Errorf("another command ended with %d: %s; want 1", code, failure)
	}
}
