package sdkgen

import "testing"

func Test_layout(t *testing.T) {
	text := func(s string) value { return value{text: s} }
	group := func(open, shut string, labels string, parts ...value) value {
		v := value{open: open, shut: shut}
		for _, p := range parts {
			v.add(labels, p)
		}
		return v
	}
	object := group("{", "}", "a: ", text("1"), text("2"))
	object.padded = true
	call := group("get(", ")", "", text(`"id"`), object)
	hugging := call
	hugging.hugs = true
	nothing := group("list(", ")", "")
	for _, test := range []struct {
		name  string
		width int
		value value
		want  string
	}{
		{"it fits", 36, call, `	x = get("id", { a: 1, a: 2 }) {`},
		{"a column too long", 34, call, "	x = get(\n		\"id\",\n		{ a: 1, a: 2 },\n	) {"},
		{"hugging", 34, hugging, "	x = get(\"id\", {\n		a: 1,\n		a: 2,\n	}) {"},
		{"too narrow to hug", 16, hugging, "	x = get(\n		\"id\",\n		{\n			a: 1,\n			a: 2,\n		},\n	) {"},
		{"hugging a text", 16, value{open: "get(", shut: ")", hugs: true, parts: []part{{value: text(`"id"`)}}}, "	x = get(\n		\"id\",\n	) {"},
		{"nothing to break", 4, nothing, "	x = list() {"},
		{"a text", 4, text("longer than that"), "	x = longer than that {"},
	} {
		if got := (layout{width: test.width, indent: "\t"}).statement(1, "x = ", test.value, " {"); got != test.want {
			t.Errorf("%s, at %d columns:\n%s\nwant\n%s", test.name, test.width, got, test.want)
		}
	}
}
