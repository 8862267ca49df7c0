package validation

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func real(tb testing.TB) *subjects {
	tb.Helper()
	s, err := realSubjects()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Every example of the document holds in one look at its bytes: an answer that is ordinary never needs the authority.
func TestServed_examples(t *testing.T) {
	examples, kinds := 0, map[string]int{}
	for name, s := range real(t).byName {
		for _, example := range s.examples {
			examples++
			valid, accepted, err := s.check(example)
			if err != nil || !valid || !accepted {
				t.Errorf("%s: example %s is valid: %t, accepted by the fast path: %t, error %v, want both", name, example, valid, accepted, err)
			}
		}
		switch {
		case strings.HasPrefix(name, "schema "):
			kinds["schema"]++
		case strings.HasPrefix(name, "webhook "):
			kinds["webhook"]++
		case strings.HasSuffix(name, " body"):
			kinds["body"]++
		default:
			kinds["response"]++
		}
		if len(s.examples) == 0 && !strings.HasPrefix(name, "schema ") {
			t.Errorf("%s has no examples", name)
		}
	}
	t.Logf("%d examples of %v", examples, kinds)
	if examples < 500 || kinds["schema"] < 100 || kinds["webhook"] < 5 || kinds["body"] < 10 || kinds["response"] < 100 {
		t.Errorf("%d examples of %v, want those of the whole document", examples, kinds)
	}
}

// Changed examples are accepted only if they are still valid, and are accepted mostly if they are.
func TestServed_changed(t *testing.T) {
	s := real(t)
	r := rand.New(rand.NewPCG(7, 8))
	var changed, valid, accepted int
	for range 5 {
		for _, name := range s.names {
			one := s.byName[name]
			example := []byte("null")
			if len(one.examples) > 0 {
				example = one.examples[r.IntN(len(one.examples))]
			}
			if len(example) > 20_000 {
				continue
			}
			body := s.document.mutate(example, one.schema, &choices{bytes: random(r, 200)})
			isValid, isAccepted, err := one.check(body)
			if err != nil {
				t.Error(err)
			}
			changed++
			if isValid {
				valid++
				if isAccepted {
					accepted++
				}
			}
		}
	}
	t.Logf("of %d changed bodies %d are valid, of which the fast path accepted %d (%.1f %%)", changed, valid, accepted, 100*float64(accepted)/float64(valid))
	if accepted*10 < valid*7 {
		t.Errorf("the fast path accepted %d of %d valid bodies, want 70 %%", accepted, valid)
	}
}

func random(r *rand.Rand, n int) []byte {
	found := make([]byte, n)
	for i := range found {
		found[i] = byte(r.Uint32())
	}
	return found
}

// FuzzSchema changes the examples of every schema of the served document, for a body that the fast path lets pass and the
// authority refuses.
func FuzzSchema(f *testing.F) {
	s := real(f)
	r := rand.New(rand.NewPCG(9, 10))
	for _, name := range s.names {
		f.Add(name, []byte("null"), random(r, 60))
		for _, example := range s.byName[name].examples {
			f.Add(name, example, random(r, 60))
		}
	}
	f.Fuzz(func(t *testing.T, name string, body, changes []byte) {
		one := s.named(name)
		for _, b := range [][]byte{body, s.document.mutate(body, one.schema, &choices{bytes: changes})} {
			if !one.quick.Accepts(b) {
				continue // what is left to the authority is right
			}
			if _, _, err := one.check(b); errors.Is(err, ErrDisagreement) {
				t.Error(err)
			}
		}
	})
}
