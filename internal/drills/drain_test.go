package drills

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// TestDrain shows that SIGTERM cuts off no request: one whose body is still being sent and one that waits in the database
// are answered, nothing new is taken, the usage of both is counted, and the process ends with 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	organization := w.organization(t, "Palmetto Builders", unlimited)
	admin, adminID := w.key(t, organization, identity.Admin)
	_, name := w.key(t, organization, identity.Read)
	p := serve(t, "a", w.url)
	sending := startPost(t, p, admin, "/v1/api-keys", `{"name":"Sent slowly","permissions":["read"]}`)
	release := w.lockKey(t, name)
	revoked := make(chan error, 1)
	go func() {
		_, err := p.want(t.Context(), http.StatusNoContent, request{method: http.MethodDelete, path: "/v1/api-keys/" + name, key: admin})
		revoked <- err
	}()
	eventually(t, "the request waits for a lock", func() bool {
		var waits bool
		err := w.db.GetContext(t.Context(), &waits,
			"select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')")
		return err == nil && waits
	})

	p.terminate(t)
	eventually(t, "nothing new is taken", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if p.isOver() {
		t.Fatalf("the process ended with requests under way: %v", p.err)
	}
	release()
	if err := <-revoked; err != nil {
		t.Error(err)
	}
	if status := sending.finish(t); status != http.StatusCreated {
		t.Errorf("a request that was sent slowly is answered with %d, want 201", status)
	}
	p.awaitEnd(t)
	for _, want := range []series{
		{KeyID: adminID, Operation: "createAPIKey", Status: 201}, {KeyID: adminID, Operation: "revokeAPIKey", Status: 204},
	} {
		if got := w.counted(t, "usage_minutes")[want]; got != 1 {
			t.Errorf("usage has %d requests of %+v, want 1", got, want)
		}
	}
}

// lockKey makes every change of a key wait until it is released.
func (w *world) lockKey(t *testing.T, name string) (release func()) {
	t.Helper()
	tx, err := w.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "select from api_keys where id = $1 for update", id.UUID(id.APIKey, name)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// post is a POST whose body is still to be sent.
type post struct {
	conn net.Conn
	in   *bufio.Reader
	body string
}

// startPost returns when the server asks for the body, and so has begun with the request (RFC 9110 §10.1.1).
func startPost(t *testing.T, p *process, key, path, body string) *post {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: drill\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, key, len(body))
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if got, err := in.ReadString('\n'); err != nil || got != want {
			t.Fatalf("the server says %q, %v; want %q", got, err, want)
		}
	}
	return &post{conn: conn, in: in, body: body}
}

// finish sends the body and returns the answer's status.
func (p *post) finish(t *testing.T) int {
	t.Helper()
	if _, err := io.WriteString(p.conn, p.body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("read the answer: %v", err)
	}
	return response.StatusCode
}
