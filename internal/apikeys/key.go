package apikeys

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
)

// Prefix starts every key, so that a leaked one is found by who searches for it.
const Prefix = "pw_live_"

const (
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomDigits = 30
	sumDigits    = 6
)

// digest is the SHA-256 of a key, which stands for it wherever it is stored.
type digest [sha256.Size]byte

func hash(clear string) digest { return sha256.Sum256([]byte(clear)) }

// generate returns a new key: the prefix, 30 random base62 digits (178 bits) and the checksum of both.
func generate() string {
	var b strings.Builder
	b.WriteString(Prefix)
	base := big.NewInt(int64(len(alphabet)))
	for range randomDigits {
		n, err := rand.Int(rand.Reader, base)
		if err != nil { // crypto/rand never fails (it ends the program itself)
			panic(err)
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String() + checksum(b.String())
}

// checksum returns the CRC-32 (IEEE) of the text as six base62 digits.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var digits [sumDigits]byte
	for i := range digits {
		digits[sumDigits-1-i] = alphabet[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

func wellFormed(clear string) bool {
	if len(clear) != len(Prefix)+randomDigits+sumDigits || !strings.HasPrefix(clear, Prefix) {
		return false
	}
	body, sum := clear[:len(clear)-sumDigits], clear[len(clear)-sumDigits:]
	return checksum(body) == sum
}

var inText = regexp.MustCompile(Prefix + "[" + alphabet + "]+")

// Mask returns a text with all that looks like an API key, or like the beginning of one, cut to the prefix.
func Mask(text string) string {
	if !strings.Contains(text, Prefix) { // nearly always
		return text
	}
	return inText.ReplaceAllString(text, Prefix+"…")
}

func lastFour(clear string) string { return clear[len(clear)-4:] }
