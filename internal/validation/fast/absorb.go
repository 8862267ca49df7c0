package fast

import "slices"

// absorb takes over the rules for objects of the schemas that have to hold besides, if they have no others, so that an object is
// looked at once. Where additionalProperties says something, each schema keeps its own, as it is about the names of that one alone.
func (s *Schema) absorb() {
	if s.choice != nil || s.object == nil && len(s.all) < 2 || s.object != nil && s.object.others != anyValue {
		return
	}
	s.all = slices.DeleteFunc(s.all, func(a *Schema) bool {
		if !a.whole || !a.forObjects() || len(a.all) > 0 || a.object == nil || a.object.others != anyValue {
			return false
		}
		s.types &= a.types
		s.objects().absorb(a.object)
		return true
	})
}

func (o *object) absorb(other *object) {
	o.min, o.max = max(o.min, other.min), min(o.max, other.max)
	o.wanted = append(o.wanted, other.wanted...)
	for _, p := range other.properties {
		at, both := o.index[p.name]
		if !both {
			at = len(o.properties)
			o.index[p.name], o.properties = at, append(o.properties, p)
			continue
		}
		o.properties[at].schema = &Schema{types: anything, all: []*Schema{o.properties[at].schema, p.schema}, whole: true}
	}
}
