package id

import (
	"testing"

	"github.com/google/uuid"
)

func TestFormat(t *testing.T) {
	// The examples of the TypeID specification.
	for in, want := range map[string]string{
		"00000000-0000-0000-0000-000000000000": "org_00000000000000000000000000",
		"00000000-0000-0000-0000-000000000001": "org_00000000000000000000000001",
		"00000000-0000-0000-0000-000000000020": "org_00000000000000000000000010",
		"ffffffff-ffff-ffff-ffff-ffffffffffff": "org_7zzzzzzzzzzzzzzzzzzzzzzzzz",
		"0110c853-1d09-52d8-d73e-1194e95b5f19": "org_0123456789abcdefghjkmnpqrs",
	} {
		u := uuid.MustParse(in)
		if got := Format(Organization, u); got != want {
			t.Errorf("Format(%s) = %s, want %s", in, got, want)
		}
		if back, ok := Parse(Organization, want); !ok || back != u {
			t.Errorf("Parse(%s) = %s, %v, want %s", want, back, ok, in)
		}
	}
}

func TestParse_refuses(t *testing.T) {
	for _, in := range []string{
		"", "org_", "key_00000000000000000000000001", "org_0000000000000000000000001", "org_8zzzzzzzzzzzzzzzzzzzzzzzzz",
		"org_0000000000000000000000000u", "ORG_00000000000000000000000001", "org_0000000000000000000000000A",
	} {
		if got, ok := Parse(Organization, in); ok {
			t.Errorf("Parse(%q) = %s, want a refusal", in, got)
		}
	}
}
