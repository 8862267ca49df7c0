package outbound

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// drips are answers that go on and on, a little at a time: no part of them is late, and still the whole has to end.
var drips = map[string]struct {
	start, again string
	status       int
}{
	"the status line":  {"HTTP/1.1 200 ", "x", 0},
	"a header":         {"HTTP/1.1 200 OK\r\nA: ", "x", 0},
	"headers":          {"HTTP/1.1 200 OK\r\n", "A: b\r\n", 0},
	"1xx":              {"", "HTTP/1.1 103 Early Hints\r\n\r\n", 0},
	"100":              {"", "HTTP/1.1 100 Continue\r\n\r\n", 0},
	"the body":         {"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", "x", 200},
	"chunks":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 200},
	"a chunk's header": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", 200},
	"trailers":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 200},
}

func TestClient_Post_drips(t *testing.T) {
	const limit = 200 * time.Millisecond
	for name, d := range drips {
		t.Run(name, func(t *testing.T) {
			url := raw(t, func(c net.Conn) {
				ticker := time.NewTicker(5 * time.Millisecond)
				defer ticker.Stop()
				_, err := io.WriteString(c, d.start)
				for err == nil {
					<-ticker.C
					_, err = io.WriteString(c, d.again)
				}
				_ = c.Close()
			})
			r := newClient(t, loopback, limit, nil).Post(t.Context(), url, nil, []byte("{}"))
			if r.Reason != Timeout || r.Status != d.status || r.Succeeded() || r.Total < limit || r.Total > limit+5*time.Second {
				t.Errorf("Post = %d, %s (%v) in %s, want %d, %s in %s", r.Status, r.Reason, r.Cause, r.Total, d.status, Timeout, limit)
			}
		})
	}
}

// floods are answers without end, as fast as they go.
var floods = map[string]struct {
	start, again string
	status       int
	want         Reason
}{
	"the status line":  {"HTTP/1.1 200 ", "xxxxxxxx", 0, Protocol},
	"a header":         {"HTTP/1.1 200 OK\r\nA: ", "xxxxxxxx", 0, Protocol},
	"headers":          {"HTTP/1.1 200 OK\r\n", "A: b\r\n", 0, Protocol},
	"1xx":              {"", "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", 0, Protocol},
	"100":              {"", "HTTP/1.1 100 Continue\r\n\r\n", 0, Protocol},
	"the body":         {"HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxx", 200, ""}, // of which 64 KiB are enough
	"chunks":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 200, ""},
	"a chunk's header": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "xxxxxxxx", 200, Protocol},
	"trailers":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 200, Protocol},
}

// However much comes, little of it is read, and less is kept.
func TestClient_Post_floods(t *testing.T) {
	for name, f := range floods {
		t.Run(name, func(t *testing.T) {
			block := []byte(strings.Repeat(f.again, 4096))
			url := raw(t, func(c net.Conn) {
				_, err := io.WriteString(c, f.start)
				for err == nil {
					_, err = c.Write(block)
				}
				_ = c.Close()
			})
			c := newClient(t, loopback, time.Minute, nil)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := c.Post(t.Context(), url, nil, []byte("{}"))
			runtime.ReadMemStats(&after)
			if r.Reason != f.want || r.Status != f.status || r.Total > 30*time.Second {
				t.Errorf("Post = %d, %s (%v) in %s, want %d, %s", r.Status, r.Reason, r.Cause, r.Total, f.status, f.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
				t.Errorf("Post took %d bytes of memory, want 4 MiB at most", used)
			}
		})
	}
}

func TestClient_Post_floodsHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		again  func(w http.ResponseWriter) error
		limit  time.Duration
		status int
		want   Reason
	}{
		"1xx": {func(w http.ResponseWriter) error { w.WriteHeader(http.StatusEarlyHints); return nil }, time.Minute, 0, Protocol},
		"a drip": {func(w http.ResponseWriter) error {
			_, _ = io.WriteString(w, "x")
			return http.NewResponseController(w).Flush()
		}, 500 * time.Millisecond, 200, Timeout},
	} {
		client := newClient(t, loopback, c.limit, nil)
		receiver := receiveTLS(t, client, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("A", "b")
			ticker := time.NewTicker(100 * time.Microsecond)
			defer ticker.Stop()
			for r.Context().Err() == nil && c.again(w) == nil {
				<-ticker.C
			}
		}, nil)
		if r := client.Post(t.Context(), receiver.URL, nil, nil); r.Reason != c.want || r.Status != c.status || r.Total > 30*time.Second {
			t.Errorf("%s: Post = %d, %s (%v) in %s, want %d, %s", name, r.Status, r.Reason, r.Cause, r.Total, c.status, c.want)
		}
	}
}
