package portal

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// attemptPage is a delivery with one of its attempts in full.
type attemptPage struct {
	Delivery deliveries.Detail
	Webhook  *webhooks.Webhook // nil when it is deleted
	Attempts []deliveries.Attempt
	Earlier  int // attempts that are not listed

	Chosen    *deliveries.Attempt // nil before the first one
	Why       string              // it has no whole answer, in words
	Request   []pair
	Response  []pair
	Answer    clipped
	Body      clipped
	Timings   []timing
	Signed    string // "" where the body is too long to show it once more
	Curl      string
	Signature string // the page that goes through its signature
}

// pair is a header.
type pair struct{ Name, Value string }

// clipped is the beginning of a text.
type clipped struct {
	Text string
	Cut  bool // it goes on
}

// String returns the text, with a sign that it goes on.
func (c clipped) String() string {
	if c.Cut {
		return c.Text + "…"
	}
	return c.Text
}

// brief returns as much of a text as there is room for in a list.
func brief(text string) string { return clip(text, 200).String() }

// How much of an attempt a page shows, in bytes as they are sent. Receivers may answer what they like.
const (
	mostBody    = 16 << 10
	mostHeaders = 6 << 10
	mostListed  = 20 // attempts
)

// newAttemptPage shows the attempt of that number, or else the last one.
func newAttemptPage(d deliveries.Detail, number int) (*attemptPage, error) {
	shown := &attemptPage{Delivery: d, Attempts: slices.Clone(d.Log)}
	slices.Reverse(shown.Attempts)
	if len(shown.Attempts) > mostListed {
		shown.Attempts, shown.Earlier = shown.Attempts[:mostListed], len(d.Log)-mostListed
	}
	shown.Body = clip(d.Body, mostBody)
	if len(d.Log) == 0 {
		return shown, nil
	}
	chosen := d.Log[len(d.Log)-1]
	for _, a := range d.Log {
		if a.Number == number {
			chosen = a
		}
	}
	shown.Chosen = &chosen
	return shown, shown.fill(chosen)
}

// fill adds what the page shows of the chosen attempt.
func (s *attemptPage) fill(a deliveries.Attempt) error {
	request, response, err := a.Headers()
	if err != nil {
		return err
	}
	s.Why, s.Timings, s.Answer = whyNot[outbound.Reason(a.Error)], timings(a), clip(a.ResponseBody, mostBody)
	s.Answer.Cut = s.Answer.Cut || a.Truncated
	s.Request, s.Response = pairs(request), pairs(response)
	if signed, curl := a.SignedText(request), a.Curl(request); len(html.EscapeString(curl)) <= mostBody {
		s.Signed, s.Curl = signed, curl
	}
	s.Signature = "/settings/developers/signature?delivery=" + strings.TrimPrefix(deliveryPath(s.Delivery.ID), "/settings/developers/deliveries/") + "&attempt=" + strconv.Itoa(a.Number)
	return nil
}

// pairs returns headers by name, as many as a page has room for.
func pairs(headers map[string]string) []pair {
	var found []pair
	room := mostHeaders
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		p := pair{brief(name), clip(headers[name], 1000).String()}
		if room -= len(html.EscapeString(p.Name + p.Value)); room < 0 {
			return append(found, pair{"…", "and more"})
		}
		found = append(found, p)
	}
	return found
}

// clip returns as much of a text as takes no more than so many bytes in HTML.
func clip(text string, most int) clipped {
	if len(html.EscapeString(text)) <= most {
		return clipped{Text: text}
	}
	taken := 0
	for i, c := range text {
		if taken += len(html.EscapeString(string(c))); taken > most {
			return clipped{Text: text[:i], Cut: true}
		}
	}
	return clipped{Text: text}
}

// whyNot says in words why there is no whole answer.
var whyNot = map[outbound.Reason]string{
	outbound.Refused:  "Nothing was sent: the URL leads to an address that is not public.",
	outbound.DNS:      "Nothing was sent: the name of the host has no address.",
	outbound.Connect:  "Nothing was sent: no connection could be made. Is the server up, and the port open?",
	outbound.TLS:      "Nothing was sent: no secure connection could be made. Is the certificate valid, and for this name?",
	outbound.Reset:    "The connection was closed before the answer was complete.",
	outbound.Protocol: "What came back is no HTTP answer.",
	outbound.Timeout:  "There was no whole answer in time. Answer first, and do the work afterwards.",
}

// shortly says in a word or two why there is no answer.
var shortly = map[outbound.Reason]string{
	outbound.Refused: "Address refused", outbound.DNS: "No DNS entry", outbound.Connect: "No connection", outbound.TLS: "TLS failed",
	outbound.Reset: "Connection lost", outbound.Protocol: "No HTTP", outbound.Timeout: "Timed out",
}

// outcome says what came of an attempt: 204 No Content, or Timed out.
func outcome(a deliveries.Attempt) string {
	failed := shortly[outbound.Reason(a.Error)]
	if a.Status == nil {
		return failed
	}
	text := strings.TrimSpace(strconv.Itoa(*a.Status) + " " + http.StatusText(*a.Status))
	if failed != "" {
		text += ", " + strings.ToLower(failed)
	}
	return text
}

// took says a number of milliseconds.
func took(ms float64) string {
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%.0f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// wholeNumber reads a number; 0 for a text that is none.
func wholeNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
