package fast

import "math/bits"

// number has the rules for numbers; a nil bound is none.
type number struct {
	min, max, above, below *decimal
	multipleOf             *decimal
}

// decimal is ±digits × 10^-scale, exactly.
type decimal struct {
	negative bool
	digits   uint64
	scale    int
}

// maxDigits is how many digits a number may have here: what it comes to fits 64 bits.
const maxDigits = 18

// exact reports whether binary64, as which some read numbers, tells the number from all others that are exact.
func (d decimal) exact() bool { return d.digits < 1e15 || d.scale == 0 && d.digits <= 1<<53 }

// numeral looks at the number that begins at i. Those with an exponent, or with more digits, are left to others.
func (c *check) numeral(s *Schema, i int) int {
	d, end := parseDecimal(c.body, i)
	if end < 0 || s.choice != nil || !s.allows(c.body[i:end]) {
		return no
	}
	kind := integer
	if d.scale > 0 {
		kind = fraction // 1.0 is an integer as well: whoever is asked knows
	}
	if s.types&kind == 0 || s.number != nil && !s.number.holds(d) {
		return no
	}
	return end
}

// parseDecimal reads a number and returns the place behind it, or no.
func parseDecimal(b []byte, i int) (d decimal, end int) {
	if i < len(b) && b[i] == '-' {
		d.negative = true
		i++
	}
	whole := i
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		d.digits = d.digits*10 + uint64(b[i]-'0')
	}
	n := i - whole
	if n == 0 || n > 1 && b[whole] == '0' {
		return d, no
	}
	if i < len(b) && b[i] == '.' {
		point := i
		for i++; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
			d.digits = d.digits*10 + uint64(b[i]-'0')
		}
		if d.scale = i - point - 1; d.scale == 0 {
			return d, no
		}
	}
	if n+d.scale > maxDigits || i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		return d, no
	}
	return d, i
}

// holds reports whether the rules surely hold, for the number and for what it is rounded to as binary64. That may be the bound, but
// not beyond, as bounds are exact.
func (n *number) holds(d decimal) bool {
	if (n.above != nil || n.below != nil || n.multipleOf != nil) && !d.exact() {
		return false
	}
	for _, bound := range []struct {
		of    *decimal
		signs [2]int // what comparing with it may come to
	}{{n.min, [2]int{0, 1}}, {n.max, [2]int{-1, 0}}, {n.above, [2]int{1, 1}}, {n.below, [2]int{-1, -1}}} {
		if bound.of == nil {
			continue
		}
		sign, ok := compare(d, *bound.of)
		if !ok || sign != bound.signs[0] && sign != bound.signs[1] {
			return false
		}
	}
	if n.multipleOf == nil {
		return true
	}
	a, b, ok := alike(d, *n.multipleOf)
	return ok && b > 0 && a%b == 0
}

// alike returns the digits of two numbers at the same scale; ok is false when they do not fit.
func alike(a, b decimal) (x, y uint64, ok bool) {
	scale := max(a.scale, b.scale)
	x, fits := a.at(scale)
	y, also := b.at(scale)
	return x, y, fits && also
}

// at returns the digits at a larger scale.
func (d decimal) at(scale int) (digits uint64, ok bool) {
	digits = d.digits
	for range scale - d.scale {
		var high uint64
		if high, digits = bits.Mul64(digits, 10); high != 0 {
			return 0, false
		}
	}
	return digits, true
}

// compare returns -1, 0 or 1 as a is less than b, equal to it, or greater.
func compare(a, b decimal) (sign int, ok bool) {
	x, y, ok := alike(a, b)
	switch {
	case !ok:
		return 0, false
	case x == 0 && y == 0:
		return 0, true
	case a.negative != b.negative:
		if a.negative {
			return -1, true
		}
		return 1, true
	case x == y:
		return 0, true
	case (x < y) != a.negative:
		return -1, true
	}
	return 1, true
}
