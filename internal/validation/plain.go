package validation

import (
	"bytes"
	"math/big"
	"strconv"
)

// PlainIntegers writes the numbers of a valid body that are whole as whole: 1000.0 and 1e3 are integers to JSON Schema
// (2020-12 §4.2.3), but not to every decoder.
func PlainIntegers(body []byte) []byte {
	if !bytes.ContainsAny(body, ".eE") {
		return body
	}
	plain := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		end := tokenEnd(body, i)
		token := body[i:end]
		if token[0] == '-' || (token[0] >= '0' && token[0] <= '9') {
			token = whole(token)
		}
		plain = append(plain, token...)
		i = end
	}
	return plain
}

// tokenEnd returns where the string or number that begins at i ends; anything else is a token of one byte.
func tokenEnd(body []byte, i int) int {
	end := i + 1
	switch c := body[i]; {
	case c == '"':
		for end < len(body) && body[end] != '"' {
			if body[end] == '\\' {
				end++
			}
			end++
		}
		return min(end+1, len(body))
	case c == '-' || (c >= '0' && c <= '9'):
		for end < len(body) && bytes.IndexByte([]byte("0123456789+-.eE"), body[end]) >= 0 {
			end++
		}
	}
	return end
}

func whole(number []byte) []byte {
	if !bytes.ContainsAny(number, ".eE") {
		return number
	}
	r, ok := new(big.Rat).SetString(string(number)) // at most maxNumber characters and maxExponent: checkJSON saw to it
	if !ok || !r.IsInt() {
		return number
	}
	return []byte(r.Num().String())
}

// loneSurrogate returns where a string has half of a surrogate pair (RFC 8259 §8.2), which stands for no character.
func loneSurrogate(body []byte) (at int, found bool) {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		high, isHex := escaped(body, i)
		switch {
		case !isHex, high < 0xd800, high > 0xdfff:
			i++
			continue
		case high > 0xdbff:
			return i, true
		}
		if low, isHex := escaped(body, i+6); !isHex || low < 0xdc00 || low > 0xdfff {
			return i, true
		}
		i += 11
	}
	return 0, false
}

// escaped returns the number of a \uXXXX that begins at i.
func escaped(body []byte, i int) (int64, bool) {
	if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(body[i+2:i+6]), 16, 32)
	return n, err == nil
}
