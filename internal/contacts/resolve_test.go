package contacts

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestParty_keys(t *testing.T) {
	for _, c := range []struct {
		party party
		want  []string
	}{
		{party{}, []string{"person"}},
		{party{Person: "lopez maria"}, []string{"person lopez maria"}},
		{party{Company: "acme"}, []string{"company acme"}},
		{party{Company: "acme", Person: "lopez maria"}, []string{"company acme"}},
		{party{Person: "lopez maria", Phone: "(813) 555-0100"}, []string{"person lopez maria phone 8135550100"}},
		{party{Company: "acme", Phone: "+1 813.555.0100"}, []string{"company acme phone 8135550100"}},
		{party{Company: "acme", Person: "lopez maria", Phone: "813 555 0100"}, []string{"company acme phone 8135550100"}},
		{party{Phone: "8135550100"}, []string{"person  phone 8135550100"}},
		{party{Phone: "555-0142"}, []string{"person  phone 5550142"}},
		{party{Company: "acme", License: "CBC1", Region: "FL"}, []string{"license FL CBC1"}},
		{party{Company: "acme", License: "CBC1", Region: "GA"}, []string{"license GA CBC1"}},
		{party{Company: "acme", License: "1", Region: "FL"}, []string{"license FL 1"}},
		{party{Company: "acme", License: "N/A", Region: "FL"}, []string{"company acme N/A"}},
		{party{Company: "acme", Phone: "none"}, []string{"company acme   none"}},
		{party{Company: "acme", Phone: "000-0000"}, []string{"company acme   000-0000"}},
		{party{Company: "acme", Phone: "(999) 999-9999"}, []string{"company acme   (999) 999-9999"}},
		{party{Company: "acme", Phone: "1-000-000-0000"}, []string{"company acme   1-000-000-0000"}},
		{party{Company: "acme", Phone: "813-555"}, []string{"company acme   813-555"}},
		{party{Company: "acme", Email: "none"}, []string{"company acme  none"}},
		{party{Company: "acme", Email: "n/a@none"}, []string{"company acme  n/a@none"}},
		{party{Company: "acme", Email: "acme.example"}, []string{"company acme  acme.example"}},
		{party{Company: "acme", Email: "a.b@acme"}, []string{"company acme  a.b@acme"}},
		{party{Person: "lopez maria", License: "NONE", Email: "none", Phone: "n/a"}, []string{"person lopez maria NONE none n/a"}},
		{party{License: "N/A", Email: "a@b.example"}, []string{"email a@b.example"}},
		{party{Company: "acme", License: "N/A", Phone: "(813) 555-0142"}, []string{"company acme phone 8135550142"}},
		{party{Company: "acme", License: "CBC1", Region: "FL", Email: "none", Phone: "0"}, []string{"license FL CBC1"}},
		{party{Company: "acme", Email: "Office@Acme.Example"}, []string{"email office@acme.example"}},
		{
			party{Company: "acme", Person: "x", License: "CBC1", Region: "FL", Email: "a@b.example", Phone: "5550142"},
			[]string{"license FL CBC1", "email a@b.example", "company acme phone 5550142"},
		},
	} {
		if diff := cmp.Diff(c.want, c.party.keys()); diff != "" {
			t.Errorf("keys of %+v (-want +got):\n%s", c.party, diff)
		}
	}
}

func TestDigits(t *testing.T) {
	for phone, want := range map[string]string{
		"": "", "n/a": "", "(813) 555-0100": "8135550100", "+1 (813) 555-0100": "8135550100", "1-813-555-0100": "8135550100", "18135550100": "8135550100",
		"555-0100": "5550100", "15550100": "15550100", "28135550100": "28135550100", "+49 30 901820": "4930901820", "813-555-0100 x12": "813555010012",
		"1234567890": "1234567890", "１２３": "",
	} {
		if got := digits(phone); got != want {
			t.Errorf("digits(%q) = %q, want %q", phone, got, want)
		}
	}
}

// nth returns the nth of the ids in the order of their making.
func nth(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("01980a3c-5e00-7d21-8f4e-%012d", n)) }

func TestResolve(t *testing.T) {
	license := func(l string) party { return party{License: l, Region: "FL"} }
	email := func(e string) party { return party{Email: e} }
	both := func(l, e string) party { return party{License: l, Region: "FL", Email: e} }
	for name, c := range map[string]struct {
		parties []party
		known   map[string]uuid.UUID
		want    resolution // new ids start at 100
	}{
		"nobody": {nil, nil, resolution{of: []uuid.UUID{}}},
		"two strangers": {
			[]party{license("L1"), license("L2")},
			nil,
			resolution{
				of: []uuid.UUID{nth(100), nth(101)}, created: []uuid.UUID{nth(100), nth(101)},
				keys: map[string]uuid.UUID{"license FL L1": nth(100), "license FL L2": nth(101)},
			},
		},
		"one twice": {
			[]party{license("L1"), license("L1")},
			nil,
			resolution{of: []uuid.UUID{nth(100), nth(100)}, created: []uuid.UUID{nth(100)}, keys: map[string]uuid.UUID{"license FL L1": nth(100)}},
		},
		"a known one": {
			[]party{license("L1")},
			map[string]uuid.UUID{"license FL L1": nth(1)},
			resolution{of: []uuid.UUID{nth(1)}},
		},
		"a known one with a new key": {
			[]party{both("L1", "a@x.example")},
			map[string]uuid.UUID{"license FL L1": nth(1)},
			resolution{of: []uuid.UUID{nth(1)}, keys: map[string]uuid.UUID{"email a@x.example": nth(1)}},
		},
		"a chain, A-B by license, B-C by e-mail": {
			[]party{license("L1"), both("L1", "a@x.example"), email("a@x.example")},
			nil,
			resolution{
				of: []uuid.UUID{nth(100), nth(100), nth(100)}, created: []uuid.UUID{nth(100)},
				keys: map[string]uuid.UUID{"license FL L1": nth(100), "email a@x.example": nth(100)},
			},
		},
		"a chain whose link comes last": {
			[]party{license("L1"), email("a@x.example"), email("b@x.example"), both("L2", "b@x.example"), both("L1", "a@x.example"), both("L2", "a@x.example")},
			nil,
			resolution{
				of: []uuid.UUID{nth(100), nth(100), nth(100), nth(100), nth(100), nth(100)}, created: []uuid.UUID{nth(100)},
				keys: map[string]uuid.UUID{"license FL L1": nth(100), "license FL L2": nth(100), "email a@x.example": nth(100), "email b@x.example": nth(100)},
			},
		},
		"two known ones turn out to be one": {
			[]party{both("L1", "a@x.example")},
			map[string]uuid.UUID{"license FL L1": nth(2), "email a@x.example": nth(1)},
			resolution{of: []uuid.UUID{nth(1)}, merged: map[uuid.UUID]uuid.UUID{nth(2): nth(1)}},
		},
		"three known ones over two parties": {
			[]party{both("L1", "a@x.example"), both("L2", "b@x.example"), both("L2", "a@x.example")},
			map[string]uuid.UUID{"license FL L1": nth(3), "email a@x.example": nth(7), "license FL L2": nth(5)},
			resolution{
				of: []uuid.UUID{nth(3), nth(3), nth(3)}, keys: map[string]uuid.UUID{"email b@x.example": nth(3)},
				merged: map[uuid.UUID]uuid.UUID{nth(7): nth(3), nth(5): nth(3)},
			},
		},
		"two parties that are one over a contact alone": {
			[]party{license("L1"), both("L2", "c@x.example"), email("b@x.example"), both("L3", "b@x.example")},
			map[string]uuid.UUID{"license FL L1": nth(1), "email c@x.example": nth(1), "email b@x.example": nth(2)},
			resolution{
				of:   []uuid.UUID{nth(1), nth(1), nth(2), nth(2)},
				keys: map[string]uuid.UUID{"license FL L2": nth(1), "license FL L3": nth(2)},
			},
		},
		"two contacts of which one is known under the other's party": {
			[]party{both("L1", "a@x.example"), both("L9", "z@x.example")},
			map[string]uuid.UUID{"license FL L1": nth(1), "email a@x.example": nth(4), "license FL L9": nth(4)},
			resolution{
				of: []uuid.UUID{nth(1), nth(1)}, keys: map[string]uuid.UUID{"email z@x.example": nth(1)},
				merged: map[uuid.UUID]uuid.UUID{nth(4): nth(1)},
			},
		},
		"names alone": {
			[]party{{Company: "acme"}, {Company: "acme", Phone: "5550100"}, {Company: "acme"}},
			nil,
			resolution{
				of: []uuid.UUID{nth(100), nth(101), nth(100)}, created: []uuid.UUID{nth(100), nth(101)},
				keys: map[string]uuid.UUID{"company acme": nth(100), "company acme phone 5550100": nth(101)},
			},
		},
	} {
		next := 99
		got := resolve(c.parties, c.known, func() uuid.UUID { next++; return nth(next) })
		if c.want.keys == nil {
			c.want.keys = map[string]uuid.UUID{}
		}
		if c.want.merged == nil {
			c.want.merged = map[uuid.UUID]uuid.UUID{}
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(resolution{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestResolve_inAnyPortions resolves the same parties in any order and in any portions: the same parties end up as one.
func TestResolve_inAnyPortions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		parties := make([]party, 40)
		for i := range parties {
			parties[i] = party{
				Position: int16(i), License: pick(random, "L%d", 40), Region: pick(random, "R%d", 2), Email: pick(random, "e%d@x.example", 40),
				Phone: pick(random, "813555%04d", 30), Company: pick(random, "c%d", 10),
			}
		}
		whole := together(parties, resolve(parties, nil, uuid.New).of)
		random.Shuffle(len(parties), func(i, j int) { parties[i], parties[j] = parties[j], parties[i] })
		if got := together(parties, resolvePortions(parties, 1+random.IntN(10))); !cmp.Equal(got, whole) {
			t.Fatalf("round %d: in portions the parties are\n%v\nwant as at once\n%v", round, got, whole)
		}
	}
}

// pick returns one of n names, or none in half of the cases.
func pick(random *rand.Rand, format string, n int) string {
	if random.IntN(2) == 0 {
		return ""
	}
	return fmt.Sprintf(format, random.IntN(n))
}

// resolvePortions resolves so many parties at once, and keeps what is known in between.
func resolvePortions(parties []party, size int) []uuid.UUID {
	known := map[string]uuid.UUID{}
	var of []uuid.UUID
	next := 0
	for portion := range slices.Chunk(parties, size) {
		some := map[string]uuid.UUID{}
		for _, k := range keysOf(portion) {
			if c, ok := known[k]; ok {
				some[k] = c
			}
		}
		r := resolve(portion, some, func() uuid.UUID { next++; return nth(next) })
		of = append(of, r.of...)
		maps.Copy(known, r.keys)
		for i, c := range of {
			if into, ok := r.merged[c]; ok {
				of[i] = into
			}
		}
		for k, c := range known {
			if into, ok := r.merged[c]; ok {
				known[k] = into
			}
		}
	}
	return of
}

// together returns for each party, by position, the lowest position of those that are the same contact.
func together(parties []party, of []uuid.UUID) map[int16]int16 {
	lowest := map[uuid.UUID]int16{}
	for i, p := range parties {
		if first, ok := lowest[of[i]]; !ok || p.Position < first {
			lowest[of[i]] = p.Position
		}
	}
	found := map[int16]int16{}
	for i, p := range parties {
		found[p.Position] = lowest[of[i]]
	}
	return found
}
