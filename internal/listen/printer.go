package listen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

// printer shows what happens. It is safe for concurrent use.
type printer struct {
	mu    sync.Mutex
	out   io.Writer
	notes io.Writer
	now   func() time.Time
}

// line prints a remark.
func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.notes, format+"\n", args...) // nobody could be told
}

// note prints a remark with its time.
func (p *printer) note(format string, args ...any) {
	p.line(p.clock()+"  "+format, args...)
}

func (p *printer) clock() string { return p.now().Local().Format(time.TimeOnly) }

// event prints what came of a message.
func (p *printer) event(m message, outcome string) {
	mark := ""
	switch {
	case m.test:
		mark = " (test)"
	case m.retry:
		mark = " (retry)"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, "%s  %-29s  %-16s  %s%s → %s\n", p.clock(), printable(m.eventType), printable(m.permit), m.eventID, mark, outcome)
}

// body prints JSON for people.
func (p *printer) body(text []byte) {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		b.Write(text)
	}
	lines := strings.Split(b.String(), "\n")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lines {
		_, _ = fmt.Fprintln(p.out, printable(l))
	}
}

// printable returns a text of others without what would move the cursor of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}
