// Package plotwise calls the Plotwise API: building permits, and what becomes of them.
//
// A Client has a field for each resource (client.Permits) and a method for each operation. Failed requests are sent again
// where that is safe, lists are read page by page, and every method takes options for that call alone.
package plotwise

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// The settings of a Client that has no others.
const (
	defaultTimeout = 30 * time.Second
	defaultTotal   = 120 * time.Second
	defaultRetries = 2
)

// Client calls the API. Make it with NewClient; all goroutines of a program can share one.
type Client struct {
	Resources
}

// NewClient returns a Client, by the key in PLOTWISE_API_KEY unless WithAPIKey gives another. It fails when there is none,
// or one that no header can carry, and when the base URL is none.
func NewClient(options ...ClientOption) (*Client, error) {
	c := newCore()
	for _, o := range options {
		o.applyClient(c)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Client{newResources(c)}, nil
}

func newCore() *core {
	c := &core{
		baseURL: defaultBaseURL, http: http.Client{}, agent: agent, now: time.Now, random: random, sleep: sleep,
		settings: settings{timeout: defaultTimeout, total: defaultTotal, retries: defaultRetries},
	}
	c.setKey(os.Getenv("PLOTWISE_API_KEY"))
	if base := os.Getenv("PLOTWISE_BASE_URL"); base != "" {
		c.baseURL = base
	}
	return c
}

// check refuses what no call could succeed with, and brings the rest into its form.
func (c *core) check() error {
	switch key := c.key(); {
	case key == "":
		return errors.New("plotwise: there is no API key: set PLOTWISE_API_KEY, or give one by WithAPIKey")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("plotwise: the API key holds white space or other characters that no key has")
	}
	base, err := url.Parse(c.baseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return errors.New("plotwise: the base URL has to be like https://api.plotwise.us, without user, query and fragment")
	}
	c.baseURL = strings.TrimSuffix(c.baseURL, "/") + "/" // behind which package client puts the path
	if c.http.Transport == nil {
		c.http.Transport = http.DefaultTransport
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if !inHeader(c.agent) {
		return errors.New("plotwise: the suffix of the user agent holds characters that no header can carry")
	}
	return c.settings.check()
}

// setKey keeps the key in a function, because fmt prints the fields of structs without asking.
func (c *core) setKey(key string) { c.key = func() string { return key } }

// inHeader reports whether a header can carry a value.
func inHeader(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// isToken reports whether a header can have a name (RFC 9110 §5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// ParseUUID reads the UUID of a permit.
func ParseUUID(text string) (UUID, error) {
	var id UUID
	if err := id.UnmarshalText([]byte(text)); err != nil {
		return UUID{}, fmt.Errorf("plotwise: %q is no UUID", text)
	}
	return id, nil
}

// NewDate returns the date of a day.
func NewDate(year int, month time.Month, day int) Date {
	return Date{Time: time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}
