package fast

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// matcher tells whether a regular expression matches: for ASCII by a table of states, which takes about a nanosecond a character.
type matcher struct {
	expression *regexp.Regexp
	next       [][utf8.RuneSelf]uint8 // the state that a character leads to; nil: there is no table
	accepts    []bool                 // whether the expression matches if the text ends in a state
}

func (m *matcher) matches(text []byte) bool {
	state := uint8(0)
	for _, b := range text {
		if b >= utf8.RuneSelf || m.next == nil {
			return m.expression.Match(text)
		}
		state = m.next[state][b]
	}
	if m.next == nil {
		return m.expression.Match(text)
	}
	return m.accepts[state]
}

// maxStates is how many states a table may have; an expression that needs more goes without.
const maxStates = 255

func newMatcher(pattern string) (*matcher, error) {
	m := &matcher{}
	var err error
	if m.expression, err = regexp.Compile(pattern); err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	m.tabulate(program)
	return m, nil
}

// tabulate makes the table by the powerset construction: a state is the set of the instructions that the program may be at.
func (m *matcher) tabulate(program *syntax.Prog) {
	for _, i := range program.Inst {
		if i.Op == syntax.InstEmptyWidth && syntax.EmptyOp(i.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 { //nolint:gosec // it is one
			return // lines and words begin and end where the neighbours say
		}
	}
	p := powerset{program: program}
	p.state(p.closure([]uint32{uint32(program.Start)}, syntax.EmptyBeginText)) //nolint:gosec // an index
	for at := 0; at < len(p.states); at++ {
		var row [utf8.RuneSelf]uint8
		for b := range row {
			to := p.state(p.step(p.states[at], rune(b)))
			if to < 0 {
				m.next, m.accepts = nil, nil
				return
			}
			row[b] = uint8(to) //nolint:gosec // less than maxStates
		}
		m.next = append(m.next, row)
		end := syntax.EmptyEndText
		if at == 0 {
			end |= syntax.EmptyBeginText
		}
		m.accepts = append(m.accepts, p.matched(p.closure(p.states[at], end)))
	}
}

// powerset numbers the states of a program.
type powerset struct {
	program *syntax.Prog
	states  [][]uint32 // sorted
}

// state returns the number of a state, which is new or known; -1 when there would be too many. The first, before any character,
// is like no other: the text begins there.
func (p *powerset) state(at []uint32) int {
	for i := 1; i < len(p.states); i++ {
		if slices.Equal(p.states[i], at) {
			return i
		}
	}
	if len(p.states) == maxStates {
		return -1
	}
	p.states = append(p.states, at)
	return len(p.states) - 1
}

func (p *powerset) matched(at []uint32) bool {
	return slices.ContainsFunc(at, func(i uint32) bool { return p.program.Inst[i].Op == syntax.InstMatch })
}

// closure returns where the program may be without another character, at a place where the assertions hold.
func (p *powerset) closure(from []uint32, holds syntax.EmptyOp) []uint32 {
	var found []uint32
	open := slices.Clone(from)
	seen := map[uint32]bool{}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		switch i := p.program.Inst[at]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			open = append(open, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			open = append(open, i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^holds == 0 { //nolint:gosec // it is one
				open = append(open, i.Out)
			} else {
				found = append(found, at) // it may hold at the end
			}
		case syntax.InstFail:
		default:
			found = append(found, at)
		}
	}
	slices.Sort(found)
	return found
}

// step returns the state after a character: a match stays one, and may begin anywhere.
func (p *powerset) step(from []uint32, r rune) []uint32 {
	if p.matched(from) {
		return from
	}
	next := []uint32{uint32(p.program.Start)} //nolint:gosec // an index
	for _, at := range from {
		i := p.program.Inst[at]
		switch i.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if i.MatchRune(r) {
				next = append(next, i.Out)
			}
		default: // an end that is not there, as a character follows
		}
	}
	return p.closure(next, 0)
}
