package sdkgen

import "strings"

// layout is how a language's formatter breaks what is too long for a line.
type layout struct {
	width  int
	indent string
}

// value is an expression: a text, or parts between brackets.
type value struct {
	text       string // of what has no brackets
	open, shut string
	parts      []part
	padded     bool // on one line, the brackets have spaces within
	hugs       bool // the last part may begin on the line of the brackets, as an object in a call does
}

// part is a value with what stands before it, such as the name of a field.
type part struct {
	label string
	value
}

func (v *value) add(label string, of value) { v.parts = append(v.parts, part{label, of}) }

// statement returns a value with the texts before and behind it on its first and last line.
func (l layout) statement(depth int, before string, v value, behind string) string {
	return l.margin(depth) + before + l.lines(depth, l.columns(depth, before), v, len(behind)) + behind
}

// lines returns a value that begins after used columns of its line and has behind it as many as behind says.
func (l layout) lines(depth, used int, v value, behind int) string {
	flat := v.flat()
	if v.open == "" || len(v.parts) == 0 || used+width(flat)+behind <= l.width {
		return flat
	}
	last := v.parts[len(v.parts)-1]
	if head := v.head(); v.hugs && len(last.parts) > 0 && used+width(head)+width(last.open) <= l.width {
		return head + l.lines(depth, l.width, last.value, behind) + v.shut
	}
	var b strings.Builder
	b.WriteString(v.open + "\n")
	for _, p := range v.parts {
		b.WriteString(l.statement(depth+1, p.label, p.value, ",") + "\n")
	}
	return b.String() + l.margin(depth) + v.shut
}

func (l layout) margin(depth int) string { return strings.Repeat(l.indent, depth) }

// columns counts tabs as four.
func (l layout) columns(depth int, text string) int {
	return width(strings.ReplaceAll(l.margin(depth), "\t", "    ") + text)
}

// flat returns a value on one line.
func (v value) flat() string {
	if v.open == "" {
		return v.text
	}
	space := ""
	if v.padded && len(v.parts) > 0 {
		space = " "
	}
	return v.open + space + join(v.parts) + space + v.shut
}

// head returns what stands before the brackets of the last part.
func (v value) head() string {
	last := len(v.parts) - 1
	before := join(v.parts[:last])
	if last > 0 {
		before += ", "
	}
	return v.open + before + v.parts[last].label
}

func join(parts []part) string {
	var texts []string
	for _, p := range parts {
		texts = append(texts, p.label+p.flat())
	}
	return strings.Join(texts, ", ")
}

func width(text string) int { return len([]rune(text)) }
