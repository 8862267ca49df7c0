package sdkgen

import (
	"go/parser"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/spec"
)

// newGoWriter returns one that knows a few types.
func newGoWriter(t *testing.T) *goWriter {
	t.Helper()
	source, err := newGoSource([]byte(`package client
		type Kind string
		const KindOne Kind = "one"
		type Tags = []Tag
		type Tag = string
		type Level int32
		type Labels map[string]string
		type ThingUUID = openapi_types.UUID
		type Thing struct {
			Of *ThingUUID ` + "`json:\"of\"`" + `
		}
		type ThingCreate struct { union json.RawMessage }
		func (t ThingCreate) AsRed() (Red, error)
		type Red struct {
			Color Kind ` + "`json:\"color\"`" + `
			Plain int
		}
	`))
	if err != nil {
		t.Fatal(err)
	}
	schemas := map[string]spec.Schema{"ThingCreate": {Discriminator: "color", Variants: []spec.Variant{{Value: "one", Schema: "Red"}}}}
	return &goWriter{source: source, schemas: schemas, variables: map[string]string{}}
}

func Test_goWriter(t *testing.T) {
	w := newGoWriter(t)
	for _, test := range []struct{ of, example, want string }{
		{"string", `"a \"b\""`, `"a \"b\""`},
		{"*string", `"a"`, `new("a")`},
		{"*Tag", `"a"`, `new("a")`},
		{"bool", "true", "true"},
		{"*bool", "false", "new(false)"},
		{"*int", "3", "new(3)"},
		{"*int32", "-3", "new(int32(-3))"},
		{"float64", "28", "28"},
		{"*float64", "28", "new(float64(28))"},
		{"*float64", "28.5", "new(28.5)"},
		{"*Level", "2", "new(plotwise.Level(2))"},
		{"*int32", "null", "nil"},
		{"Kind", `"one"`, "plotwise.KindOne"},
		{"*Kind", `"one"`, "new(plotwise.KindOne)"},
		{"Kind", `"new"`, `"new"`},
		{"*Kind", `"new"`, `new(plotwise.Kind("new"))`},
		{"Tags", `["a", "b"]`, `[]string{"a", "b"}`},
		{"*Tags", `["a"]`, `new([]string{"a"})`},
		{"[]Kind", `["one"]`, "[]plotwise.Kind{plotwise.KindOne}"},
		{"Labels", `{"a-b": "c"}`, `plotwise.Labels{"a-b": "c"}`},
		{"*Labels", `{}`, "&plotwise.Labels{}"},
		{"time.Time", `"2026-01-23T08:09:00+01:00"`, "time.Date(2026, time.January, 23, 7, 9, 0, 0, time.UTC)"},
		{"*openapi_types.Date", `"2026-11-03"`, "new(plotwise.NewDate(2026, time.November, 3))"},
		{"ThingUUID", `"u1"`, "someUUID"},
		{"*ThingUUID", `"u1"`, "&someUUID"},
		{"[]Thing", `[{"of": "u1"}, {"of": "u2"}, {}]`, "[]plotwise.Thing{{Of: &someUUID}, {Of: &of}, {}}"},
		{"*ThingUUID", `"u3"`, "&someUUID2"},
		{"ThingCreate", `{"color": "one"}`, "body"},
	} {
		if got, err := w.write(test.of, test.example); err != nil || got != test.want {
			t.Errorf("%s of %s = %s, %v, want %s", test.of, test.example, got, err, test.want)
		}
	}
	want := []string{
		`	someUUID, err := plotwise.ParseUUID("u1")`,
		`	of, err := plotwise.ParseUUID("u2")`,
		`	someUUID2, err := plotwise.ParseUUID("u3")`,
		"	body, err := plotwise.NewThingCreate(plotwise.Red{Color: plotwise.KindOne})",
	}
	if diff := cmp.Diff(want, w.written); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func Test_goWriter_refuses(t *testing.T) {
	for _, test := range []struct{ of, example, want string }{
		{"string", "1", "SomeUUID: 1 is no string"},
		{"Kind", "1", "SomeUUID: 1 is no string"},
		{"int32", `"1"`, "SomeUUID: 1 is no int32"},
		{"Tags", `"a"`, "SomeUUID: a is no list"},
		{"Labels", `[]`, "SomeUUID: [] is no object"},
		{"Thing", `[]`, "SomeUUID: [] is no object"},
		{"Thing", `{"plain": 1}`, "Thing has no field for plain"},
		{"time.Time", "1", "SomeUUID: 1 is no time.Time"},
		{"time.Time", `"today"`, `parsing time "today"`},
		{"openapi_types.Date", `"today"`, `parsing time "today"`},
		{"big.Int", `"1"`, "SomeUUID: samples have no values of the type big.Int"},
		{"interface{}", "1", "SomeUUID: samples have no values of the type interface{}"},
		{"ThingCreate", `{"color": "two"}`, "the example says of no kind of ThingCreate that it is one"},
	} {
		if got, err := newGoWriter(t).write(test.of, test.example); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s of %s = %s, %v, want %s", test.of, test.example, got, err, test.want)
		}
	}
}

// write writes an example as a value of a type, for a field that is named SomeUUID.
func (w *goWriter) write(of, example string) (string, error) {
	t, err := parser.ParseExpr(of)
	if err != nil {
		return "", err
	}
	v, err := readJSON(example)
	if err != nil {
		return "", err
	}
	made, err := w.of("SomeUUID", t, v)
	return made.flat(), err
}

func Test_readJSON(t *testing.T) {
	for _, text := range []string{"", `{"a"`, `{"a":}`, "[1", "[", "{1: 2}"} {
		if got, err := readJSON(text); err == nil || !strings.HasPrefix(err.Error(), "read the example ") {
			t.Errorf("readJSON(%s) = %v, %v, want a failure", text, got, err)
		}
	}
}

func Test_exampleValues(t *testing.T) {
	v, err := readJSON(`{"a": [true, null, 1.50, "it's"], "b-c": {}, "d": "\"x\" é <\n"}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := typescriptValue(v).flat(), `{ a: [true, null, 1.50, "it's"], "b-c": {}, d: '"x" é <\n' }`; got != want {
		t.Errorf("in TypeScript: %s, want %s", got, want)
	}
	if got, want := pythonValue(v).flat(), `{"a": [True, None, 1.50, "it's"], "b-c": {}, "d": '"x" é <\n'}`; got != want {
		t.Errorf("in Python: %s, want %s", got, want)
	}
}

func Test_printed(t *testing.T) {
	scalar := func(name, kind string, required, nullable bool) spec.Field {
		return spec.Field{Name: name, Required: required, Schema: spec.Schema{Type: kind, Nullable: nullable}}
	}
	schemas := map[string]spec.Schema{
		"ID":   {Type: "string"},
		"Base": {Fields: []spec.Field{{Name: "id", Required: true, Schema: spec.Schema{Ref: "ID"}}, scalar("note", "string", false, false)}},
		"Thing": {
			AllOf:  []spec.Schema{{Ref: "Base"}},
			Fields: []spec.Field{scalar("tags", "array", true, false), scalar("left", "integer", true, true), scalar("size", "number", true, false), scalar("on", "boolean", true, false), scalar("key", "string", true, false)},
		},
		"Either": {OneOf: []spec.Schema{{Ref: "Thing"}}},
	}
	for _, test := range []struct {
		item, secret string
		want         []string
	}{
		{"Thing", "", []string{"id", "size", "on"}},
		{"Thing", "/data/key", []string{"id", "size", "key"}},
		{"Either", "", nil},
		{"", "", nil},
	} {
		m := Method{Entry: spec.Entry{Operation: spec.Operation{Secret: test.secret}}, Result: Result{Item: test.item}}
		if diff := cmp.Diff(test.want, printed(schemas, m)); diff != "" {
			t.Errorf("printed of %q with the secret %q (-want +got):\n%s", test.item, test.secret, diff)
		}
	}
}
