package validation

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// exchanges are what the engines are timed with: each holds a request or a response of the served document against an operation.
func exchanges(tb testing.TB) map[string]func(Engine) error {
	tb.Helper()
	s := real(tb)
	operations, _ := realOperations(tb)
	response := func(id string, status int, body []byte) func(Engine) error {
		op := operations[id]
		r := httptest.NewRequest(op.Method, "https://api.plotwise.us/v1/permits", nil)
		header := s.headers(s.operation(op)["responses"].(map[string]any)[fmt.Sprint(status)])
		return func(e Engine) error { return op.using(e).Response(r, status, header, body) }
	}
	create := operations["createNote"]
	r, path, body := s.sent(create)
	permit := s.byName["schema Permit"].examples[0]
	list := fmt.Sprintf(`{"data":[%s],"meta":{"page":1,"per_page":25,"total":25,"total_relation":"eq","next_cursor":null}}`,
		bytes.TrimSuffix(bytes.Repeat(append(permit, ','), 25), []byte(",")))
	return map[string]func(Engine) error{
		"list of 25": response("listPermits", http.StatusOK, []byte(list)), "detail": response("getPermit", http.StatusOK, s.byName["getPermit 200"].examples[0]),
		"error": response("listPermits", http.StatusBadRequest, s.byName["listPermits 400"].examples[0]),
		"body":  func(e Engine) error { return create.using(e).Request(r, path, body) },
	}
}

// using is as Using, but changes the operation, so that nothing is allocated.
func (o *Operation) using(e Engine) *Operation {
	o.engine = e
	return o
}

func BenchmarkOperation(b *testing.B) {
	for name, hold := range exchanges(b) {
		for _, e := range []Engine{Fast, Authority} {
			b.Run(name+"/"+string(e), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := hold(e); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
