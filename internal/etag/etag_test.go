package etag

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/problem"
)

func TestOf(t *testing.T) {
	for version, want := range map[int64]string{0: `"0"`, 1: `"1"`, 9223372036854775807: `"9223372036854775807"`} {
		if got := *Of(version); got != want {
			t.Errorf("Of(%d) = %s, want %s", version, got, want)
		}
	}
}

func TestSeal(t *testing.T) {
	for _, c := range []struct{ version, body, want string }{ // the first 16 bytes of SHA-256, in base64url
		{"", "", `"47DEQpj8HBSa-_TImW-5JA"`},
		{"", "abc", `"ungWv48Bz-pBQUDeXa4iIw"`},
		{`"7"`, "abc", `"7.ungWv48Bz-pBQUDeXa4iIw"`},
		{`""`, "abc", `"ungWv48Bz-pBQUDeXa4iIw"`},
	} {
		if got := Seal(c.version, []byte(c.body)); got != c.want {
			t.Errorf("Seal(%s, %q) = %s, want %s", c.version, c.body, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for header, want := range map[string]bool{
		`"12"`: true, `"12.ungWv48Bz-pBQUDeXa4iIw"`: true, "*": true, ` "12" `: true, `"11", "12"`: true, `"12","13"`: true,
		`"11","12.x" , "13"`: true, `W/"12", "12"`: true, `"11", *`: true,
		"": false, `""`: false, `"1"`: false, `"2"`: false, `"120"`: false, `"11", "13"`: false, `".12"`: false, `"x.12"`: false, `"*"`: false,
		`W/"12"`: false, `W/"12.x"`: false, `W/"11", W/"12"`: false, `w/"12"`: false, `"012"`: false, `"+12"`: false,
	} {
		err := Check(&header, 12)
		if err == nil != want {
			t.Errorf("Check(%s, 12) = %v, want success %t", header, err, want)
		}
	}
	if err := Check(nil, 12); err != nil {
		t.Errorf("Check(nil, 12) = %v, want no error: there is no header", err)
	}
}

func TestCheck_sealed(t *testing.T) {
	sealed := Seal(*Of(12), []byte("{}"))
	if err := Check(&sealed, 12); err != nil {
		t.Errorf("Check(%s, 12) = %v, want no error", sealed, err)
	}
	if err := Check(&sealed, 13); err == nil {
		t.Errorf("Check(%s, 13) = nil, want precondition_failed", sealed)
	}
}

func TestCheck_problem(t *testing.T) {
	header := `"11"`
	var got *problem.Error
	if err := Check(&header, 12); !errors.As(err, &got) {
		t.Fatalf("Check(%s, 12) = %v, want a problem", header, err)
	}
	want := &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{
			In: "header", Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Check(%s, 12) (-want +got):\n%s", header, diff)
	}
}

func TestMatches(t *testing.T) {
	const tag = `"7.abc"`
	for header, want := range map[string]bool{
		`"7.abc"`: true, `W/"7.abc"`: true, "*": true, `"x", "7.abc"`: true, `"x",W/"7.abc"`: true, ` "7.abc" `: true, `"7.abc", "x"`: true,
		"": false, `"7"`: false, `"7.abd"`: false, `7.abc`: false, `"x", "y"`: false, `"*"`: false, `W/"x"`: false,
	} {
		if got := Matches(header, tag); got != want {
			t.Errorf("Matches(%s, %s) = %t, want %t", header, tag, got, want)
		}
	}
}
