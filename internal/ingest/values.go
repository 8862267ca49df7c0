package ingest

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/plotwise/plotwise/internal/permits"
)

// isoLayouts are understood in every source; a time of day is dropped.
var isoLayouts = []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05.000", time.DateTime, "20060102"}

// parseDate returns a calendar date as YYYY-MM-DD.
func parseDate(text string, layouts []string) (string, error) {
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if t.Year() < 1900 || t.Year() > 2200 {
			return "", fmt.Errorf("%q is before 1900 or after 2200", clip(text))
		}
		return t.Format(time.DateOnly), nil
	}
	return "", fmt.Errorf("%q is no date", clip(text))
}

// plainNumber is a decimal number, perhaps with a short exponent, of a length that cannot cost anything to read.
var plainNumber = regexp.MustCompile(`^[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?$`)

// parseMoney returns an amount that is not negative, as parseAmount does.
func parseMoney(text string) (string, error) {
	amount, err := parseAmount(text)
	if err == nil && strings.HasPrefix(amount, "-") {
		return "", fmt.Errorf("%q is negative", clip(text))
	}
	return amount, err
}

// parseAmount returns an amount with two decimals. It reads thousands separators, a dollar sign, and 1e+05.
func parseAmount(text string) (string, error) {
	plain := text
	if len(text) <= maxMoneyText {
		plain = moneySigns.Replace(text)
	}
	if len(plain) > maxMoneyText || !plainNumber.MatchString(plain) {
		return "", fmt.Errorf("%q is no amount of money", clip(text))
	}
	amount, ok := new(big.Rat).SetString(plain)
	switch {
	case !ok:
		return "", fmt.Errorf("%q is no amount of money", clip(text))
	case new(big.Rat).Abs(amount).Cmp(mostMoney) >= 0 && amount.Sign() < 0:
		return "", fmt.Errorf("%q is under -999,999,999,999.99", clip(text))
	case amount.Cmp(mostMoney) >= 0:
		return "", fmt.Errorf("%q is over 999,999,999,999.99", clip(text))
	}
	return amount.FloatString(2), nil
}

const maxMoneyText = 80

var moneySigns = strings.NewReplacer("$", "", ",", "", " ", "")

var mostMoney = big.NewRat(1_000_000_000_000_000-5, 1000) // what still rounds to twelve digits

// parsePoint returns a coordinate pair in degrees, or nil for none: both empty, or both zero.
func parsePoint(latitude, longitude string) (lat, lng *float64, err error) {
	if latitude == "" && longitude == "" {
		return nil, nil, nil
	}
	y, errY := strconv.ParseFloat(latitude, 64)
	x, errX := strconv.ParseFloat(longitude, 64)
	switch {
	case errY != nil || errX != nil:
		return nil, nil, fmt.Errorf("latitude %q and longitude %q are no pair of numbers", clip(latitude), clip(longitude))
	case y == 0 && x == 0:
		return nil, nil, nil
	case !(y >= -90 && y <= 90 && x >= -180 && x <= 180): // also false for NaN
		return nil, nil, fmt.Errorf("latitude %q and longitude %q are out of range", clip(latitude), clip(longitude))
	}
	return &y, &x, nil
}

// checkText refuses what Postgres cannot store, and what is too long.
func checkText(field, text string, limit int) error {
	switch {
	case strings.ContainsRune(text, 0):
		return fmt.Errorf("%s holds the character NUL", field)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s does not hold text in the declared encoding", field)
	case len(text) > limit && utf8.RuneCountInString(text) > limit:
		return fmt.Errorf("%s has %d characters, at most %d fit", field, utf8.RuneCountInString(text), limit)
	}
	return nil
}

func clip(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}

var (
	legalSuffix = regexp.MustCompile(`(?i)^(inc|llc|l\.l\.c|lp|llp|ltd|co|corp|corporation|company|pllc|pc|p\.c|dba .*)\.?$`)
	firmWords   = regexp.MustCompile(`(?i)\b(inc|llc|lp|llp|ltd|corp|co|company|construction|builders?|homes?|electric(al)?|plumbing|mechanical|services?|contractors?|roofing|pools?|signs?|group|enterprises?|systems?|design|properties|development|city of|county|air|heating|solar)\b|[0-9&]`)
)

// splitContractor splits "Person, Company" at its first comma. A legal suffix alone is no company ("Acme Services,
// LLC" is a firm), and without a comma the words tell a firm from a person.
func splitContractor(text string) (person, company string) {
	before, after, found := strings.Cut(text, ",")
	before, after = strings.TrimSpace(before), strings.TrimSpace(after)
	switch {
	case !found && firmWords.MatchString(before):
		return "", before
	case !found:
		return before, ""
	case legalSuffix.MatchString(after):
		return "", before + ", " + after
	}
	return before, after
}

// normalize trims a text and joins its words by single spaces.
func normalize(text string) string {
	if isPlain(text) {
		return text
	}
	return strings.Join(strings.Fields(text), " ")
}

// isPlain reports whether a text is surely normal already, as most are: ASCII, with single spaces between words.
func isPlain(text string) bool {
	previous := byte(' ')
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c >= utf8.RuneSelf || c == ' ' && previous == ' ' {
			return false
		}
		previous = c
	}
	return text == "" || previous != ' '
}

// addParty appends a party that says something.
func addParty(r *permits.Record, p permits.Party) {
	role := p.Role
	p.Role = ""
	if p != (permits.Party{}) && (p.Person != "" || p.Company != "" || p.License != "" || p.Phone != "" || p.Email != "") {
		p.Role = role
		r.Parties = append(r.Parties, p)
	}
}
