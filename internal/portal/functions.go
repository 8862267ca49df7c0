package portal

import (
	"crypto/rand"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
)

// functions are what templates call.
func (p *portal) functions() template.FuncMap {
	return template.FuncMap{
		"id":           id.Format,
		"ago":          func(at any) string { return ago(p.Now(), at) },
		"instant":      instant,
		"now":          p.Now,
		"number":       number,
		"has":          func(form url.Values, name, value string) bool { return slices.Contains(form[name], value) },
		"join":         strings.Join,
		"token":        rand.Text,
		"minute":       func(at time.Time) string { return at.UTC().Format("Jan 2, 15:04 UTC") },
		"plus":         func(a, b int64) int64 { return a + b },
		"hundreds":     func(n *int) int { return *n / 100 },
		"milliseconds": milliseconds,
		"orgID":        func(u uuid.UUID) string { return id.Format(id.Organization, u) },
		"outcome":      outcome,
		"dict":         dict,
		"called":       called,
		"brief":        brief,
		"took":         took,
	}
}

// dict makes of names and values what a template inside another one gets.
func dict(pairs ...any) map[string]any {
	made := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		made[name] = pairs[i+1]
	}
	return made
}

// moment returns an instant, or the one that a pointer leads to; false for none.
func moment(at any) (time.Time, bool) {
	switch at := at.(type) {
	case time.Time:
		return at, !at.IsZero()
	case *time.Time:
		if at != nil {
			return *at, true
		}
	}
	return time.Time{}, false
}

// instant returns an instant as RFC 3339 has it, for machines and for those who point at it.
func instant(at any) string {
	t, ok := moment(at)
	if !ok {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// ago says how far an instant is from now: 3 minutes ago, in 2 hours, Jan 23, 2026.
func ago(now time.Time, at any) string {
	t, ok := moment(at)
	if !ok {
		return "never"
	}
	d := now.Sub(t)
	away := d.Abs()
	var n int
	var unit string
	switch {
	case away < time.Minute && d >= 0:
		return "just now"
	case away < time.Hour:
		n, unit = max(1, int(away.Minutes())), "minute"
	case away < 24*time.Hour:
		n, unit = int(away.Hours()), "hour"
	case away < 14*24*time.Hour:
		n, unit = int(away.Hours()/24), "day"
	default:
		return t.UTC().Format("Jan 2, 2006")
	}
	if n != 1 {
		unit += "s"
	}
	if d < 0 {
		return "in " + strconv.Itoa(n) + " " + unit
	}
	return strconv.Itoa(n) + " " + unit + " ago"
}

// number returns a number with commas between thousands.
func number(n any) string {
	var text string
	switch n := n.(type) {
	case int:
		text = strconv.Itoa(n)
	case int32:
		text = strconv.Itoa(int(n))
	case int64:
		text = strconv.FormatInt(n, 10)
	case *int32:
		if n == nil {
			return "unlimited"
		}
		text = strconv.Itoa(int(*n))
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// milliseconds returns a time with its unit; a dash for none.
func milliseconds(n *float64) string {
	switch {
	case n == nil:
		return "–"
	case *n >= 1000:
		return strconv.FormatFloat(*n/1000, 'f', 1, 64) + " s"
	case *n >= 10:
		return strconv.FormatFloat(*n, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(*n, 'f', 1, 64) + " ms"
}
