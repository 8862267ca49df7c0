package validation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/problem"
)

func TestTelling(t *testing.T) {
	details := []problem.Detail{{Pointer: "/a", Code: "minLength"}, {Pointer: "/b", Code: "maxLength"}, {Pointer: "/a", Code: "pattern"}, {Pointer: "/b", Code: "format"}, {Pointer: "/c", Code: "type"}}
	telling(details)
	want := []problem.Detail{{Pointer: "/a", Code: "pattern"}, {Pointer: "/a", Code: "minLength"}, {Pointer: "/b", Code: "format"}, {Pointer: "/b", Code: "maxLength"}, {Pointer: "/c", Code: "type"}}
	if d := cmp.Diff(want, details); d != "" {
		t.Errorf("telling (-want +got):\n%s", d)
	}
}
