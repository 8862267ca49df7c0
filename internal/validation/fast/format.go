package fast

import (
	"bytes"
	"fmt"
	"net/netip"
)

// formats are those that are asserted (JSON Schema 2020-12, validation §7.3), each as far as it is sure.
var formats = map[string]func(value []byte) bool{
	"date-time": isInstant, "date": isDate, "uuid": isUUID, "uri": isURL, "email": isEmail, "ipv4": isIPv4, "ipv6": isIPv6,
}

// format reads the formats of strings, and those of numbers that OpenAPI has.
func format(_ *Compiler, s *Schema, value any, at string) error {
	name, _ := value.(string)
	switch name {
	case "int64", "double": // as wide as what is looked at here, and wider
	case "int32":
		s.all = append(s.all, int32s)
	default:
		holds, ok := formats[name]
		if !ok {
			return fmt.Errorf("%s: the format %v is not known", at, value)
		}
		s.texts().formats = append(s.texts().formats, holds)
	}
	return nil
}

var int32s = &Schema{types: anything, number: &number{min: &decimal{negative: true, digits: 1 << 31}, max: &decimal{digits: 1<<31 - 1}}}

// digits reads b as a number of so many digits; -1 when it is none.
func digits(b []byte) int {
	n := 0
	for _, d := range b {
		if d < '0' || d > '9' {
			return -1
		}
		n = n*10 + int(d-'0')
	}
	return n
}

// isDate wants full-date of RFC 3339 §5.6, with a day that the month has.
func isDate(b []byte) bool {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return false
	}
	year, month, day := digits(b[:4]), digits(b[5:7]), digits(b[8:])
	return year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// isInstant wants date-time of RFC 3339 §5.6, with capitals, without leap seconds, and not at the ends of what years there are,
// where another time zone leaves them.
func isInstant(b []byte) bool {
	if len(b) < 20 || b[10] != 'T' || !isDate(b[:10]) || b[13] != ':' || b[16] != ':' {
		return false
	}
	hour, minute, second := digits(b[11:13]), digits(b[14:16]), digits(b[17:19])
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return false
	}
	rest := b[19:]
	if rest[0] == '.' {
		i := 1
		for i < len(rest) && '0' <= rest[i] && rest[i] <= '9' {
			i++
		}
		if i == 1 {
			return false
		}
		rest = rest[i:]
	}
	return string(rest) == "Z" || isOffset(rest) && digits(b[:4]) > 0 && digits(b[:4]) < 9999
}

func isOffset(b []byte) bool {
	if len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':' {
		return false
	}
	hours, minutes := digits(b[1:3]), digits(b[4:])
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60
}

// isUUID wants the text form of RFC 9562 §4.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, h := range b {
		switch i {
		case 8, 13, 18, 23:
			if h != '-' {
				return false
			}
		default:
			if ('0' > h || h > '9') && ('a' > h || h > 'f') && ('A' > h || h > 'F') {
				return false
			}
		}
	}
	return true
}

// plainURL marks the characters that a URL may have behind its host without a doubt (RFC 3986 §2): not %, which needs two digits
// after it, nor brackets.
var plainURL = marks("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?")

func marks(characters string) (set [256]bool) {
	for i := range len(characters) {
		set[characters[i]] = true
	}
	return set
}

// isURL wants http:// or https://, the name of a host, perhaps a port, and perhaps what follows it.
func isURL(b []byte) bool {
	rest, ok := bytes.CutPrefix(b, []byte("https://"))
	if !ok {
		if rest, ok = bytes.CutPrefix(b, []byte("http://")); !ok {
			return false
		}
	}
	host, path := rest, []byte(nil)
	if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if i := bytes.LastIndexByte(host, ':'); i >= 0 {
		if port := host[i+1:]; len(port) < 1 || len(port) > 5 || digits(port) < 0 {
			return false
		}
		host = host[:i]
	}
	fragment := false // which no second one may follow
	for _, p := range path {
		if !plainURL[p] && (p != '#' || fragment) {
			return false
		}
		fragment = fragment || p == '#'
	}
	return isHost(host)
}

// isHost wants labels of letters, digits and hyphens (RFC 1123 §2.1).
func isHost(b []byte) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	label := 0
	for i, h := range b {
		switch {
		case h == '.':
			if label == 0 || b[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case h == '-':
			if label == 0 {
				return false
			}
		case ('a' > h || h > 'z') && ('A' > h || h > 'Z') && ('0' > h || h > '9'):
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && b[len(b)-1] != '-'
}

// isEmail wants the dot-atom of letters, digits and a few signs, an at sign, and the name of a host (RFC 5321 §4.1.2, less what is rare).
func isEmail(b []byte) bool {
	local, host, ok := bytes.Cut(b, []byte("@"))
	if !ok || len(local) == 0 || len(local) > 64 || len(b) > 254 || local[0] == '.' || local[len(local)-1] == '.' || bytes.Contains(local, []byte("..")) {
		return false
	}
	for _, l := range local {
		if !plainLocal[l] {
			return false
		}
	}
	return isHost(host)
}

var plainLocal = marks("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._+")

// isIPv4 wants four numbers without zeros before them (RFC 2673 §3.2).
func isIPv4(b []byte) bool {
	parts := 0
	for part := range bytes.SplitSeq(b, []byte(".")) {
		n := digits(part)
		if len(part) == 0 || len(part) > 3 || n < 0 || n > 255 || len(part) > 1 && part[0] == '0' {
			return false
		}
		parts++
	}
	return parts == 4
}

// isIPv6 wants an address of RFC 4291 §2.2 without a zone.
func isIPv6(b []byte) bool {
	if len(b) > 45 || bytes.IndexByte(b, '%') >= 0 {
		return false
	}
	address, err := netip.ParseAddr(string(b))
	return err == nil && address.Is6()
}
