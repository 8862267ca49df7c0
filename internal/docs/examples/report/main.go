// Report writes the permits of the watchlist to a CSV file, and prints how many are at which stage and what changed since
// the report before.
package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const usage = `Writes the permits of the watchlist to a CSV file, and prints a summary in Markdown. Variables:
  PLOTWISE_API_KEY   a key with the read permission
  PLOTWISE_BASE_URL  https://api.plotwise.us when it is not set
Flags:
`

var stages = []string{
	"application_accepted", "in_review", "permit_issued", "inspection_phase", "permit_finaled", "permit_cancelled", "expired", "unknown",
}

type permit struct {
	UUID         string
	Number       string `json:"permit_number"`
	Status       string // in the city's words
	Stage        string
	Type         string
	Address      string
	Jurisdiction struct{ Name string }
	FiledDate    string    `json:"filed_date"` // empty where there is none
	IssuedDate   string    `json:"issued_date"`
	UpdatedAt    time.Time `json:"updated_at"`
}

type change struct {
	Scope, Field  string // permit and status, or fee and its name, for example
	Previous, New string
	DetectedAt    time.Time `json:"detected_at"`
}

// state is what a report leaves for the next one.
type state struct {
	MadeAt  time.Time
	Until   time.Time         // when the last change was that it could tell of
	Permits map[string]string // the numbers of the permits by their UUIDs
}

func main() {
	csvFile := flag.String("csv", "permits.csv", "file to write the permits to")
	stateFile := flag.String("state", "report.state", "file that holds what the last report told")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if os.Getenv("PLOTWISE_API_KEY") == "" {
		log.Fatal("PLOTWISE_API_KEY is not set")
	}
	if err := report(*csvFile, *stateFile); err != nil {
		log.Fatalf("the report is not complete: %v", err)
	}
}

// report writes the state last, so that what a run could not tell is told by the next one.
func report(csvFile, stateFile string) error {
	var last state
	text, err := os.ReadFile(stateFile)
	if err == nil {
		err = json.Unmarshal(text, &last)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", stateFile, err)
	}
	now := state{MadeAt: time.Now().UTC(), Permits: map[string]string{}}
	found := map[string]permit{} // the list is in the order of changes: what changes while it is read comes once more
	now.Until, err = list("/v1/permits", url.Values{"updated_since": {"1970-01-01T00:00:00Z"}}, func(p permit) bool {
		found[p.UUID], now.Permits[p.UUID] = p, p.Number
		return true
	})
	if err != nil {
		return err
	}
	permits := slices.SortedFunc(maps.Values(found), func(a, b permit) int {
		return cmp.Or(slices.Index(stages, a.Stage)-slices.Index(stages, b.Stage), cmp.Compare(a.Number+a.UUID, b.Number+b.UUID))
	})
	changes, err := compare(last, now, permits)
	if err != nil {
		return err
	}
	if err := writeCSV(csvFile, permits); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString(count(permits, now) + changes); err != nil {
		return err
	}
	text, _ = json.Marshal(now)
	if err := os.WriteFile(stateFile+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(stateFile+".new", stateFile) // so that the file is never half written
}

// count tells how many of the permits, which are sorted by it, are at each stage.
func count(permits []permit, now state) string {
	text := now.MadeAt.Format("# Permits on January 2, 2006\n\n| stage | permits |\n|---|---:|\n")
	first := 0
	for i, p := range permits {
		if i == len(permits)-1 || permits[i+1].Stage != p.Stage {
			text += fmt.Sprintf("| %s | %d |\n", strings.ReplaceAll(p.Stage, "_", " "), i+1-first)
			first = i + 1
		}
	}
	return text + fmt.Sprintf("| all | %d |\n", len(permits))
}

// compare tells what changed since the last report; nothing when this is the first one.
func compare(last, now state, permits []permit) (text string, err error) {
	if last.MadeAt.IsZero() {
		return "", nil
	}
	for _, p := range permits {
		name := fmt.Sprintf("- %s, %s: ", plain(p.Number), plain(p.Address))
		switch {
		case last.Permits[p.UUID] == "":
			text += name + "new on the watchlist, " + plain(p.Status) + "\n"
		case p.UpdatedAt.After(last.Until):
			_, err = list("/v1/permits/"+p.UUID+"/history", url.Values{}, func(c change) bool { // the latest first
				if c.DetectedAt.After(last.Until) && !c.DetectedAt.After(now.Until) {
					text += fmt.Sprintf("%s%s %s: %s → %s\n", name, c.Scope, plain(c.Field), plain(c.Previous), plain(c.New))
				}
				return c.DetectedAt.After(last.Until)
			})
			if err != nil {
				return "", err
			}
		}
	}
	for _, uuid := range slices.Sorted(maps.Keys(last.Permits)) {
		if now.Permits[uuid] == "" {
			text += "- " + plain(last.Permits[uuid]) + ": no longer on the watchlist\n"
		}
	}
	return last.MadeAt.Format("\n## Since January 2, 2006, 15:04 UTC\n\n") + cmp.Or(text, "Nothing changed.\n"), nil
}

var escapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "<", `\<`, "|", `\|`)

// plain makes one short line of what a city wrote, in which nothing is Markdown.
func plain(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > 80 {
		line = append(line[:79], '…')
	}
	return cmp.Or(escapes.Replace(string(line)), "none")
}

func writeCSV(file string, permits []permit) error {
	rows := [][]string{{"permit_number", "jurisdiction", "stage", "status", "type", "address", "filed_date", "issued_date", "updated_at"}}
	for _, p := range permits {
		row := []string{p.Number, p.Jurisdiction.Name, p.Stage, p.Status, p.Type, p.Address, p.FiledDate, p.IssuedDate, p.UpdatedAt.Format(time.RFC3339)}
		for i, cell := range row {
			if cell != "" && strings.Contains("=+-@", cell[:1]) {
				row[i] = "'" + cell // so that no spreadsheet takes what a city wrote for a formula
			}
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}

// list calls take with each item of a list, until it returns false, and returns the next_updated_since of the last page.
func list[T any](path string, query url.Values, take func(T) bool) (next time.Time, err error) {
	query.Set("per_page", "100")
	for {
		var page struct {
			Data []T
			Meta struct {
				NextCursor       string    `json:"next_cursor"`
				NextUpdatedSince time.Time `json:"next_updated_since"`
			}
		}
		if err := get(path+"?"+query.Encode(), &page); err != nil {
			return next, err
		}
		for _, item := range page.Data {
			if !take(item) {
				return next, nil
			}
		}
		if page.Meta.NextCursor == "" {
			return page.Meta.NextUpdatedSince, nil
		}
		query.Set("cursor", page.Meta.NextCursor)
	}
}

var client = &http.Client{Timeout: 30 * time.Second}

// get reads an answer. What may pass (429, 5xx, no answer) it tries again, after the time that Retry-After asks for, or one
// that doubles.
func get(path string, into any) error {
	request, err := http.NewRequest(http.MethodGet, cmp.Or(os.Getenv("PLOTWISE_BASE_URL"), "https://api.plotwise.us")+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("PLOTWISE_API_KEY"))
	for n := 0; ; n++ {
		wait, passing := time.Second<<n, true
		response, err := client.Do(request)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(response.Body)
			response.Body.Close()
			if err == nil && response.StatusCode == http.StatusOK {
				return json.Unmarshal(body, into)
			}
			if err == nil {
				err = fmt.Errorf("%s answers %s: %.500s", path, response.Status, body)
				passing = response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500
			}
			seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
			wait = max(wait, time.Duration(seconds)*time.Second)
		}
		if !passing || n == 5 {
			return err
		}
		log.Printf("%v; trying again in %s", err, wait)
		time.Sleep(wait)
	}
}
