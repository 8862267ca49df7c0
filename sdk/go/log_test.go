package plotwise

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWithLog(t *testing.T) {
	f := newFake(t, failing(1, http.StatusServiceUnavailable, answers(http.StatusOK, emptyPage)))
	ticks := 0
	f.core.now = func() time.Time { // a millisecond later each time
		ticks++
		return start.Add(time.Duration(ticks) * time.Millisecond)
	}
	if _, err := f.Permits.List(t.Context(), &PermitListParams{Q: new("secret words")}); err != nil {
		t.Fatal(err)
	}
	f.connect(t, WithTransport(&plainTransport{err: http.ErrHandlerTimeout}), WithRetries(0))
	if err := calls["GET"](t.Context(), f.Client); err == nil {
		t.Error("it succeeds")
	}
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	for _, a := range f.attempts {
		logger.Info("plotwise", slog.Any("attempt", a))
	}
	want := `level=INFO msg=plotwise attempt.method=GET attempt.path=/v1/permits attempt.number=1 attempt.duration_ms=1 attempt.status=503 attempt.wait_ms=500
level=INFO msg=plotwise attempt.method=GET attempt.path=/v1/permits attempt.number=2 attempt.duration_ms=1 attempt.status=200 attempt.request_id=req_1
level=INFO msg=plotwise attempt.method=GET attempt.path=/v1/notes/note_1 attempt.number=1 attempt.duration_ms=0 attempt.failure="plotwise: http: Handler timeout"
`
	if b.String() != want {
		t.Errorf("the log is\n%swant\n%s", b.String(), want)
	}
	if strings.Contains(b.String(), testKey) || strings.Contains(b.String(), "secret") {
		t.Error("the log holds the key or the query")
	}
}
