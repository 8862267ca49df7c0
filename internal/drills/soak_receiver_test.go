package drills

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/signature"
)

// What a receiver makes of a request.
type fate string

const (
	answered fate = "answered" // with 200 and a receipt
	hung     fate = "hung"     // taken in, and then not answered until the sender gave up
	broken   fate = "broken"   // taken in, and then its connection reset
	failed   fate = "failed"   // answered with 500, and not taken in
)

// receiptHeader tells every answer from all others; the log of attempts keeps it.
const receiptHeader = "X-Receipt"

// One of so many events is always failed until the receivers are sound, so that there is something to recover.
const stubbornEvery = 100

const answerWithin = 20 * time.Millisecond

// acceptance is a request that a receiver took in.
type acceptance struct {
	event      uuid.UUID
	hook       int
	at         time.Time
	fate       fate
	receipt    int64 // 0 when it was not answered
	permit     uuid.UUID
	sum        [sha256.Size]byte // of the body
	connection *connection
}

// connection is one of a sender.
type connection struct{ closed atomic.Int64 } // Unix nanoseconds; 0 while it is open

// receiver is behind all webhooks of the soak: number n is at /hook/n. Until it is sound it fails 20 % of what comes, and
// hangs at 1 % and resets the connection of 1 % that it has taken in. Its answers take up to answerWithin.
type receiver struct {
	url         string
	sound       atomic.Bool
	receipts    atomic.Int64
	requests    atomic.Int64
	connections sync.Map // by net.Conn

	mu      sync.Mutex
	secrets [][]signature.Secret // by hook
	taken   []acceptance
	wrong   []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewUnstartedServer(r)
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		c := &connection{}
		r.connections.Store(conn, c)
		return context.WithValue(ctx, connection{}, c)
	}
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state != http.StateClosed && state != http.StateHijacked {
			return
		}
		if c, found := r.connections.LoadAndDelete(conn); found {
			c.(*connection).closed.Store(time.Now().UnixNano())
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// add adds a hook with its secret, and returns its number.
func (r *receiver) add(secret signature.Secret) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, []signature.Secret{secret})
	return len(r.secrets) - 1
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.requests.Add(1)
	a, err := r.read(request)
	if err != nil {
		r.mu.Lock()
		r.wrong = append(r.wrong, fmt.Sprintf("%s of %s: %v", request.URL.Path, request.Header.Get(signature.HeaderID), err))
		r.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.fate = r.choose(a.event)
	if a.fate == answered {
		a.receipt = r.receipts.Add(1)
	}
	if a.fate != failed {
		r.mu.Lock()
		r.taken = append(r.taken, a)
		r.mu.Unlock()
	}
	select {
	case <-time.After(rand.N(answerWithin)):
	case <-request.Context().Done():
	}
	switch a.fate {
	case answered:
		w.Header().Set(receiptHeader, strconv.FormatInt(a.receipt, 10))
	case hung:
		<-request.Context().Done()
	case broken:
		reset(w)
	case failed:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// read verifies a request as a customer would.
func (r *receiver) read(request *http.Request) (a acceptance, err error) {
	a = acceptance{at: time.Now(), connection: request.Context().Value(connection{}).(*connection)}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return a, fmt.Errorf("read the body: %w", err)
	}
	if a.hook, err = strconv.Atoi(strings.TrimPrefix(request.URL.Path, "/hook/")); err != nil {
		return a, err
	}
	r.mu.Lock()
	secrets := r.secrets[a.hook]
	r.mu.Unlock()
	if err := signature.Verify(secrets, request.Header, body, a.at, signature.Tolerance); err != nil {
		return a, err
	}
	var document struct {
		Data struct {
			PermitUUID uuid.UUID `json:"permit_uuid"`
		}
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return a, fmt.Errorf("read the body %q: %w", body, err)
	}
	a.event, a.permit, a.sum = id.UUID(id.Event, request.Header.Get(signature.HeaderID)), document.Data.PermitUUID, sha256.Sum256(body)
	return a, nil
}

func (r *receiver) choose(event uuid.UUID) fate {
	if r.sound.Load() {
		return answered
	}
	if (int(event[14])<<8|int(event[15]))%stubbornEvery == 0 { // the end of a UUID of version 7 is random
		return failed
	}
	switch n := rand.IntN(100); {
	case n < 20:
		return failed
	case n == 20:
		return hung
	case n == 21:
		return broken
	}
	return answered
}

// reset breaks the connection of a request off, as a receiver that crashes does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // HTTP/1.1 always can
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // sends RST
	}
	_ = conn.Close()
}
