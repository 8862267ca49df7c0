package httpapi

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/spec"
)

// outside are the routes that the specification does not have: none of them is under /v1.
var outside = []string{"/", "/docs", "/docs/*", "/favicon.ico", "/healthz", "/llms.txt", "/readyz", "/robots.txt", "/settings", "/settings/*"}

func TestRoutes_areSpecified(t *testing.T) {
	db := pgtest.Open(t)
	e, err := newEcho(Options{DB: db, Metrics: NewMetrics(db), Now: time.Now, NewID: uuid.New, ValidateResponses: "off"})
	if err != nil {
		t.Fatal(err)
	}
	document, err := spec.Parse(gen.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var specified, served []string
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	for _, op := range document.Operations() {
		specified = append(specified, op.Method+" "+parameter.ReplaceAllString(op.Path, ":$1"))
	}
	for _, r := range e.Routes() {
		if strings.HasPrefix(r.Path, "/v1") {
			served = append(served, r.Method+" "+r.Path)
		} else if !slices.Contains(outside, r.Path) {
			t.Errorf("%s %s stands neither in the specification nor on the list of routes outside it", r.Method, r.Path)
		}
	}
	slices.Sort(specified)
	slices.Sort(served)
	if !slices.Equal(specified, served) {
		t.Errorf("served under /v1: %q\nspecified: %q", served, specified)
	}
}
