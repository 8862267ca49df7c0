// Crm brings the contacts of Plotwise into a CRM and keeps them up to date there. It may run again at any time, as by cron.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const usage = `Brings the contacts of Plotwise that changed since the last run into a CRM. Variables:
  PLOTWISE_API_KEY   a key with the read permission
  CRM_URL            where the CRM's API is; contacts are put to CRM_URL/contacts/{id}
  CRM_TOKEN          its bearer token
  PLOTWISE_BASE_URL  https://api.plotwise.us when it is not set
Flags:
`

// contact is what the CRM is told of a contact. Change it, and put, to what yours wants.
type contact struct {
	ID          string   `json:"id"`
	EntityType  string   `json:"entity_type"` // company or person
	Name        string   `json:"name"`
	Person      string   `json:"person"`
	Company     string   `json:"company"`
	Phone       string   `json:"phone"`
	Email       string   `json:"email"`
	Address     string   `json:"address"`
	Roles       []string `json:"roles"`
	Licenses    []string `json:"licenses"`
	PermitCount int      `json:"permit_count"` // 0 when none of its permits is tracked any more
	MergedIDs   []string `json:"merged_ids"`
}

func main() {
	state := flag.String("state", "crm.state", "file that holds how far the last run came")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	for _, name := range []string{"PLOTWISE_API_KEY", "CRM_URL", "CRM_TOKEN"} {
		if os.Getenv(name) == "" {
			log.Fatalf("%s is not set", name)
		}
	}
	plotwise := service{cmp.Or(os.Getenv("PLOTWISE_BASE_URL"), "https://api.plotwise.us"), os.Getenv("PLOTWISE_API_KEY")}
	crm := service{os.Getenv("CRM_URL"), os.Getenv("CRM_TOKEN")}
	done, err := transfer(plotwise, crm, *state)
	log.Printf("%d contacts written", done)
	if err != nil {
		log.Fatalf("not finished, the next run begins at the same place: %v", err)
	}
}

// transfer returns how many contacts it wrote. The state moves on when the CRM has all of them, so that nothing is lost
// whatever ends a run: the next one writes them again, to the same effect.
func transfer(plotwise, crm service, state string) (done int, err error) {
	since := "1970-01-01T00:00:00Z" // the first time, all contacts
	text, err := os.ReadFile(state)
	if err == nil {
		since = strings.TrimSpace(string(text))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if _, err := time.Parse(time.RFC3339, since); err != nil {
		return 0, fmt.Errorf("%s does not hold a time; delete it to write all contacts again: %w", state, err)
	}
	for cursor := ""; ; {
		query := url.Values{"updated_since": {since}, "per_page": {"100"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		_, answer, err := plotwise.call(http.MethodGet, "/v1/contacts?"+query.Encode(), nil)
		if err != nil {
			return done, err
		}
		var page struct {
			Data []contact
			Meta struct {
				NextCursor       string `json:"next_cursor"`
				NextUpdatedSince string `json:"next_updated_since"`
			}
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return done, fmt.Errorf("read the page of contacts: %w", err)
		}
		for _, c := range page.Data {
			if err := put(crm, c); err != nil {
				return done, err
			}
			done++
		}
		if cursor = page.Meta.NextCursor; cursor == "" {
			return done, save(state, page.Meta.NextUpdatedSince)
		}
	}
}

// put writes a contact, then removes those that turned out to be the same one. If your CRM can merge two of its contacts,
// with all that hangs on them, let it do that instead.
func put(crm service, c contact) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, _, err := crm.call(http.MethodPut, "/contacts/"+url.PathEscape(c.ID), body); err != nil {
		return err
	}
	for _, id := range c.MergedIDs {
		status, _, err := crm.call(http.MethodDelete, "/contacts/"+url.PathEscape(id), nil)
		if err != nil && status != http.StatusNotFound && status != http.StatusGone { // removed before, or never there
			return err
		}
	}
	return nil
}

// save replaces the file as a whole: a crash leaves the old one or the new one.
func save(state, since string) error {
	f, err := os.Create(state + ".new")
	if err != nil {
		return err
	}
	_, err = f.WriteString(since + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(state+".new", state)
}

// service is an API, which is called with a token.
type service struct{ url, token string }

var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a PUT would become a GET
}

const (
	tries   = 6
	longest = 5 * time.Minute // that a run waits for a try
)

// call sends a request, all of which may be sent twice. What may pass (429, 5xx, no answer) it tries again, after the time
// that Retry-After asks for, or one that doubles. Any other answer but 2xx is an error, as is one that does not pass.
func (s service) call(method, path string, body []byte) (status int, answer []byte, err error) {
	for n := range tries {
		var header http.Header
		status, header, answer, err = s.send(method, path, body)
		if err == nil || status != 0 && status != http.StatusTooManyRequests && status < 500 {
			return status, answer, err
		}
		wait := max(time.Second<<n, retryAfter(header))
		if n == tries-1 || wait > longest {
			break
		}
		log.Printf("%v; trying again in %s", err, wait.Round(time.Second))
		time.Sleep(wait)
	}
	return status, nil, err
}

// send returns the status 0 when there was no answer.
func (s service) send(method, path string, body []byte) (int, http.Header, []byte, error) {
	request, err := http.NewRequest(method, strings.TrimRight(s.url, "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, answer)
	}
	return response.StatusCode, response.Header, answer, err
}

func retryAfter(h http.Header) time.Duration {
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, _ := http.ParseTime(h.Get("Retry-After")) // without one, long ago
	return time.Until(at)
}
