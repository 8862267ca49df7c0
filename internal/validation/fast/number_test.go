package fast

import "testing"

func TestAccepts_numbers(t *testing.T) {
	runAll(t, []table{
		{schema: `{"minimum": 5}`, holds: []string{`5`, `6`, `5.0`, `5.000000001`, `100`}, asks: []string{`5e0`, `1e3`}, breaks: []string{`4`, `4.999999999`, `-5`, `0`, `-0`, `5e-1`}},
		{schema: `{"maximum": 5}`, holds: []string{`5`, `4`, `5.0`, `4.999999999`, `-6`, `-0`}, asks: []string{`5e0`}, breaks: []string{`6`, `5.000000001`, `5e1`}},
		{schema: `{"exclusiveMinimum": 5}`, holds: []string{`6`, `5.000000001`}, breaks: []string{`5`, `5.0`, `4.9`, `-6`, `50e-1`}},
		{schema: `{"exclusiveMaximum": 5}`, holds: []string{`4`, `4.999999999`, `-6`}, breaks: []string{`5`, `5.0`, `5.1`, `0.5e1`}},
		{schema: `{"minimum": -1.5, "maximum": 1.5}`, holds: []string{`-1.5`, `1.5`, `-1.50`, `0`, `-0`, `1`, `-1.4999`}, breaks: []string{`-1.51`, `1.51`, `2`, `-2`, `-1.5000000001`}},
		{schema: `{"minimum": 0}`, holds: []string{`0`, `-0`, `0.0`, `-0.0`, `0.000000000001`}, breaks: []string{`-0.000000000001`, `-1`}},
		{schema: `{"exclusiveMinimum": 0}`, holds: []string{`1`, `0.000000000001`}, breaks: []string{`0`, `-0`, `0.0`, `-0.00`}},
		{schema: `{"maximum": -0.25}`, holds: []string{`-0.25`, `-0.250`, `-1`}, breaks: []string{`-0.24`, `0`, `0.25`, `0.3`}},
		{schema: `{"minimum": 0.3, "maximum": 0.3}`, holds: []string{`0.3`, `0.30`, `0.300000000000000`}, breaks: []string{`0.29999999999999`, `0.30000000000001`}},
		{schema: `{"minimum": 1000, "exclusiveMaximum": 1000.01}`, holds: []string{`1000`, `1000.009`}, breaks: []string{`1000.01`, `1000.010`, `999.99`}},
		{schema: `{"maximum": 9007199254740991}`, holds: []string{`9007199254740991`, `9007199254740990`, `-9007199254740991`}, breaks: []string{`9007199254740992`, `9007199254740993`}},
		{schema: `{"multipleOf": 0.01}`, holds: []string{`0`, `-0`, `0.01`, `0.07`, `1.1`, `19.99`, `-4.35`, `1000000`, `0.10`, `0.010`}, asks: []string{`1e2`}, breaks: []string{`0.001`, `0.015`, `-4.351`, `0.0` + `05`}},
		{schema: `{"multipleOf": 5}`, holds: []string{`0`, `5`, `-10`, `10.0`}, breaks: []string{`1`, `5.5`, `-4`}},
		{schema: `{"multipleOf": 2.5}`, holds: []string{`2.5`, `5`, `7.50`}, breaks: []string{`2`, `2.49`}},
		{schema: `{"type": "integer", "minimum": 1, "maximum": 100}`, holds: []string{`1`, `100`}, asks: []string{`1.0`, `1e2`}, breaks: []string{`0`, `101`, `0.9`, `100.1`, `1.5`, `-1`}},
		{schema: `{"type": "integer", "minimum": 0.5, "maximum": 1.5}`, holds: []string{`1`}, breaks: []string{`0`, `2`, `-1`}},
		{schema: `{"type": "integer", "format": "int32"}`, holds: []string{`2147483647`, `-2147483648`, `0`}, asks: []string{`2147483648`, `-2147483649`}},
		{schema: `{"type": "integer", "format": "int64"}`, holds: []string{`9007199254740993`, `-999999999999999999`}, asks: []string{`9223372036854775807`, `1000000000000000000`}},
		{schema: `{"type": "number", "format": "double"}`, holds: []string{`-82.45842310000001`, `0.1`}, asks: []string{`1.7976931348623157e308`, `0.1234567890123456789`}},
	})
}

// Numbers that binary64 does not tell apart are told apart by exact readers only: where that matters, they are left to the authority.
func TestAccepts_binary64(t *testing.T) {
	runAll(t, []table{
		{schema: `{"exclusiveMaximum": 99.5}`, holds: []string{`99.4999999999999`}, asks: []string{`99.49999999999999`}, breaks: []string{`99.4999999999999999`, `99.5`}},
		{schema: `{"exclusiveMinimum": 0}`, holds: []string{`0.00000000000000001`}},
		{schema: `{"exclusiveMaximum": 9007199254740992}`, holds: []string{`9007199254740991`}, breaks: []string{`9007199254740992`, `9007199254740993`}},
		{schema: `{"multipleOf": 0.01}`, holds: []string{`9999999999999.99`}, breaks: []string{`99999999999999.999`}},
		{schema: `{"multipleOf": 7}`, asks: nil, holds: []string{`9007199254740988`}, breaks: []string{`9007199254740995`, `99999999999999999`}},
		{schema: `{"maximum": 90}`, holds: []string{`89.9999999999999999`, `-82.45842310000001`}, breaks: []string{`90.0000000000001`}},
	})
}

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]struct {
		of  decimal
		end int
	}{
		"0": {decimal{}, 1}, "-0": {decimal{negative: true}, 2}, "12,": {decimal{digits: 12}, 2}, "-12.50]": {decimal{true, 1250, 2}, 6}, "0.05": {decimal{false, 5, 2}, 4},
		"999999999999999999": {decimal{digits: 999999999999999999}, 18}, "1x": {decimal{digits: 1}, 1},
	} {
		if got, end := parseDecimal([]byte(text), 0); got != want.of || end != want.end {
			t.Errorf("parseDecimal(%s) = %+v, %d, want %+v, %d", text, got, end, want.of, want.end)
		}
	}
	for _, text := range []string{"", "-", "-x", "01", "-01", "00", "1.", "1.x", ".5", "+1", "1e5", "1E5", "1.5e5", "1000000000000000000", "0.000000000000000000", "NaN", "--1"} {
		if got, end := parseDecimal([]byte(text), 0); end != no {
			t.Errorf("parseDecimal(%s) = %+v, %d, want none", text, got, end)
		}
	}
}

func TestCompare(t *testing.T) {
	numbers := []string{"-999999999999999999", "-10.5", "-10", "-1", "-0.1", "-0.01", "0", "0.01", "0.1", "0.11", "1", "1.01", "10", "10.5", "999999999999999999"}
	for i, x := range numbers {
		for j, y := range numbers {
			a, _ := parseDecimal([]byte(x), 0)
			b, _ := parseDecimal([]byte(y), 0)
			sign, ok := compare(a, b)
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if ok && sign != want {
				t.Errorf("compare(%s, %s) = %d, want %d", x, y, sign, want)
			}
			if short := len(x) < 10 && len(y) < 10; short && !ok {
				t.Errorf("compare(%s, %s) is not sure, want %d", x, y, want)
			}
		}
	}
}
