package contacts

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// party is a party of a tracked permit, as far as it tells who it is.
type party struct {
	PermitUUID uuid.UUID `db:"permit_uuid"`
	Position   int16     `db:"position"`
	Company    string    `db:"company_key"` // "" when none is named
	Person     string    `db:"person_key"`  // its words in alphabetical order
	License    string    `db:"license"`     // in upper case
	Region     string    `db:"region"`      // the state that the permit is of, which gives the license
	Phone      string    `db:"phone"`
	Email      string    `db:"email"`
}

// keys returns what makes the party the same contact as another: the license in its state, the e-mail address, and the
// name together with the phone number. What cannot be any of these ("N/A", "none", 000-0000) does not count, and the name
// alone only counts where there is nothing else. There is always one.
func (p party) keys() []string {
	var keys []string
	if strings.ContainsFunc(p.License, unicode.IsDigit) {
		keys = append(keys, "license "+p.Region+" "+p.License)
	}
	_, domain, _ := strings.Cut(p.Email, "@")
	if _, err := mail.ParseAddress(p.Email); err == nil && strings.Contains(domain, ".") {
		keys = append(keys, "email "+strings.ToLower(p.Email))
	}
	name := "company " + p.Company
	if p.Company == "" {
		name = "person " + p.Person
	}
	switch phone := digits(p.Phone); {
	case len(phone) >= shortestPhone && strings.Trim(phone, phone[:1]) != "":
		keys = append(keys, name+" phone "+phone)
	case keys == nil:
		keys = append(keys, strings.TrimSpace(name+" "+p.License+" "+p.Email+" "+p.Phone))
	}
	return keys
}

// shortestPhone is how many digits a number without an area code has (NANP).
const shortestPhone = 7

// digits returns the digits of a phone number, without the country code of North America (NANP).
func digits(phone string) string {
	only := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
	if len(only) == 11 && only[0] == '1' {
		return only[1:]
	}
	return only
}

func keysOf(parties []party) []string {
	var keys []string
	for _, p := range parties {
		keys = append(keys, p.keys()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// resolution says which contact each party is.
type resolution struct {
	of      []uuid.UUID             // by the parties' index
	keys    map[string]uuid.UUID    // those that were not known
	created []uuid.UUID             // contacts that were not known
	merged  map[uuid.UUID]uuid.UUID // contacts that turned out to be another, which is older
}

// contacts returns every contact that a party is.
func (r resolution) contacts() []uuid.UUID {
	all := slices.Clone(r.of)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}

func compare(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// resolve finds the contact of each party: parties that share a key, directly or over others, are one. It takes the
// oldest contact that any of their keys is known for, or else makes one.
func resolve(parties []party, known map[string]uuid.UUID, newID func() uuid.UUID) resolution {
	sets := groups{}
	for _, p := range parties {
		keys := p.keys()
		for _, k := range keys {
			sets.join(keys[0], k)
			if c, ok := known[k]; ok {
				sets.join(k, c.String()) // contacts are members too: those of one set are one
			}
		}
	}
	oldest := map[string]uuid.UUID{}
	for _, c := range known {
		root := sets.root(c.String())
		if best, ok := oldest[root]; !ok || compare(c, best) < 0 {
			oldest[root] = c
		}
	}
	r := resolution{of: make([]uuid.UUID, len(parties)), keys: map[string]uuid.UUID{}, merged: map[uuid.UUID]uuid.UUID{}}
	for i, p := range parties {
		keys := p.keys()
		root := sets.root(keys[0])
		contact, ok := oldest[root]
		if !ok {
			contact = newID()
			oldest[root] = contact
			r.created = append(r.created, contact)
		}
		r.of[i] = contact
		for _, k := range keys {
			if _, ok := known[k]; !ok {
				r.keys[k] = contact
			}
		}
	}
	for _, c := range known {
		if best := oldest[sets.root(c.String())]; best != c {
			r.merged[c] = best
		}
	}
	return r
}

// groups are disjoint sets of names (union-find): each name's parent, up to the root that stands for its set.
type groups map[string]string

func (g groups) root(name string) string {
	for {
		parent, ok := g[name]
		if !ok || parent == name {
			return name
		}
		if grand, ok := g[parent]; ok {
			g[name] = grand
		}
		name = parent
	}
}

func (g groups) join(a, b string) {
	if a, b = g.root(a), g.root(b); a != b {
		g[b] = a
	}
}
