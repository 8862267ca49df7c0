package samples

import (
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

// functions quote for the languages. All take the JSON of a document's example, which has one value on a line.
var functions = template.FuncMap{
	"shell": shell, "goString": goString, "javascript": javascript, "pythonDict": pythonDict, "pythonValue": pythonValue,
	"indent": indent, "lower": strings.ToLower, "quote": strconv.Quote,
}

// shell returns a word that a POSIX shell takes literally.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// goString returns a Go string: raw, where that can hold it.
func goString(s string) string {
	if strings.Contains(s, "`") {
		return strconv.Quote(s)
	}
	return "`" + s + "`"
}

var (
	quotedName = regexp.MustCompile(`(?m)^( *)"([A-Za-z_][A-Za-z0-9_]*)": `)
	leading    = regexp.MustCompile(`(?m)^ +`)
	word       = regexp.MustCompile(`(?m)^( *(?:"(?:[^"\\]|\\.)*": )?)(true|false|null)(,?)$`)
)

// javascript writes a JSON value the way people do.
func javascript(text string) string { return quotedName.ReplaceAllString(text, "$1$2: ") }

// pythonDict writes a JSON value in Python, whose strings are a superset of JSON's, as its formatters indent it.
func pythonDict(text string) string {
	text = leading.ReplaceAllString(text, "$0$0")
	return word.ReplaceAllStringFunc(text, func(line string) string {
		m := word.FindStringSubmatch(line)
		return m[1] + map[string]string{"true": "True", "false": "False", "null": "None"}[m[2]] + m[3]
	})
}

// pythonValue writes the value of a parameter in Python.
func pythonValue(p parameter) string {
	var values []string
	for _, v := range p.Values {
		if !p.Bare {
			v = strconv.Quote(v)
		}
		values = append(values, v)
	}
	if len(values) == 1 {
		return values[0]
	}
	return "[" + strings.Join(values, ", ") + "]"
}

// indent puts spaces before every line but the first.
func indent(spaces int, text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", spaces))
}
