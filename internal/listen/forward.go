package listen

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/signature"
)

const (
	timeout   = 15 * time.Second // as webhooks have
	waitEvery = time.Second
)

// forwardAll forwards what comes, one after another, and keeps how far it came.
func (l *Listener) forwardAll(ctx context.Context, messages <-chan message) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-messages:
			if err := l.forward(ctx, m); err != nil {
				return err
			}
			if m.after == 0 {
				continue
			}
			if err := l.cursor.save(m.after); err != nil {
				return err
			}
		}
	}
}

// forward posts a message once. Where nothing listens it waits, for as long as the user lets it: a server that is being
// restarted should miss nothing, and until there is a connection it has seen nothing.
func (l *Listener) forward(ctx context.Context, m message) error {
	if m.body == nil {
		return nil
	}
	for waiting := false; ; waiting = true {
		r := l.post(ctx, m)
		if r.Reason != outbound.Connect && r.Reason != outbound.DNS {
			l.report(m, r)
			return nil
		}
		if !waiting {
			l.print.note("Nothing answers at %s (%s): waiting for it.", l.options.ForwardTo, cause(r.Cause))
		}
		if err := l.options.Sleep(ctx, waitEvery); err != nil {
			return err
		}
	}
}

// post posts to the end, even when the context ends: what was sent has to be counted as sent.
func (l *Listener) post(ctx context.Context, m message) outbound.Result {
	forget := context.AfterFunc(ctx, func() {
		l.print.note("Ending when %s has answered; Ctrl-C once more ends at once.", l.options.ForwardTo)
	})
	defer forget()
	return l.target.Post(context.WithoutCancel(ctx), l.options.ForwardTo, l.header(m), m.body)
}

// header returns what a webhook gets.
func (l *Listener) header(m message) http.Header {
	at := l.options.Now()
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "Plotwise-Webhooks/1")
	header.Set(signature.HeaderID, m.eventID)
	header.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(signature.HeaderSignature, signature.Sign([]signature.Secret{l.secret}, m.eventID, at, m.body))
	if m.test {
		header.Set("Plotwise-Test", "true")
	}
	return header
}

// report counts what came of a message, and prints it.
func (l *Listener) report(m message, r outbound.Result) {
	if r.Succeeded() {
		l.forwarded++
	} else {
		l.failed++
	}
	l.print.event(m, outcome(r))
	if l.options.PrintBodies {
		l.print.body(m.body)
	}
}

func outcome(r outbound.Result) string {
	took := max(1, r.Total.Milliseconds())
	switch {
	case r.Reason == outbound.Timeout:
		return fmt.Sprintf("no answer in %.0f s", timeout.Seconds())
	case r.Reason != "":
		return fmt.Sprintf("%s, after %d ms", cause(r.Cause), took)
	case r.Status >= 300 && r.Status <= 399:
		return fmt.Sprintf("%d in %d ms (redirects are not followed)", r.Status, took)
	}
	return fmt.Sprintf("%d in %d ms", r.Status, took)
}
