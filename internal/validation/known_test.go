package validation

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a list is made of is stepped over where it is known, and there alone.
func TestOperation_Response_known(t *testing.T) {
	served, err := Served()
	if err != nil {
		t.Fatal(err)
	}
	op := served.Operations["listPermits"].Using(Fast)
	const body = `{"data":[{"known":1}],"meta":{"page":1,"per_page":25,"total":1,"total_relation":"eq","next_cursor":null}}`
	start := strings.Index(body, `{"known"`)
	end := start + len(`{"known":1}`)
	header := http.Header{"Content-Type": {"application/json"}}
	r := httptest.NewRequest(http.MethodGet, "https://api.plotwise.us/v1/permits", nil)
	permit, details := served.Schemas["Permit"], served.Schemas["PermitDetails"]
	if err := op.Response(r, http.StatusOK, header, []byte(body), permit.Span(start, end)); err != nil {
		t.Errorf("with a permit that is known: %v", err)
	}
	if op.Response(r, http.StatusOK, header, []byte(body)) == nil {
		t.Error("the same is valid when it is not known")
	}
	if op.Response(r, http.StatusOK, header, []byte(body), details.Span(start, end)) == nil {
		t.Error("what is known as something else passes as a permit")
	}
	if op.Response(r, http.StatusOK, header, []byte(strings.Replace(body, `"eq"`, `"ne"`, 1)), permit.Span(start, end)) == nil {
		t.Error("an envelope that is broken passes")
	}
}
