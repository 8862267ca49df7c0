package plotwise

import (
	"log/slog"
	"time"
)

// Attempt is one sending of a request, as logs tell of it. It holds neither the key nor a body.
type Attempt struct {
	Method    string
	Path      string // without the query
	Number    int    // counted from 1
	Status    int    // 0 without an answer
	Err       error  // what ended it without an answer; nil with one
	Duration  time.Duration
	RequestID string
	Wait      time.Duration // before the next attempt
	Last      bool          // there is no next one
}

// LogValue shows an attempt in logs of log/slog: logger.InfoContext(ctx, "plotwise", "attempt", attempt).
func (a Attempt) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("method", a.Method), slog.String("path", a.Path), slog.Int("number", a.Number), slog.Int64("duration_ms", a.Duration.Milliseconds()),
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("failure", a.Err.Error()))
	} else {
		attrs = append(attrs, slog.Int("status", a.Status))
	}
	if a.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", a.RequestID))
	}
	if !a.Last {
		attrs = append(attrs, slog.Int64("wait_ms", a.Wait.Milliseconds()))
	}
	return slog.GroupValue(attrs...)
}
