// Package contracttests holds the server of this tree against its specification.
package contracttests

import (
	"net"
	"testing"

	"github.com/plotwise/plotwise/contracttests/target"
	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/contract"
)

// TestServer_keepsItsContract runs the whole suite.
func TestServer_keepsItsContract(t *testing.T) {
	o := target.New(t, 300).Options
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Receiver.Listener = listener
	suite, err := contract.New(gen.JSON, o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := suite.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range report.Groups() {
		f := group.Findings[0]
		t.Errorf("%s (%d): %s, %s: %s %s\n\t%s\n\t%.300s", group.Cause, len(group.Findings), f.Section, f.Case, f.Place, f.Message, f.Curl, f.Body)
	}
	for _, c := range report.Coverage() {
		if !c.Met() {
			t.Errorf("%s: %d of %d covered, want %.0f %%; gaps: %q", c.Kind, c.Covered, c.Total, 100*c.Wanted, c.Gaps)
		}
	}
	for _, e := range report.Excused() {
		t.Errorf("not tried: %s", e)
	}
	t.Log(report.Text())
}
