package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// variant is what may have been taken in the place of what is right.
type variant struct {
	bytes []byte
	wrong string // a sentence; "" for what is right
}

// right is what is said of signatures that no mistake was made in.
const right = "It is right."

// mistakes says how one of the signatures came about, with as few mistakes as possible; "" when no usual ones explain it.
func (d *diagnosis) mistakes(signatures [][]byte) string {
	var best []string
	try := func(key, text, body variant) {
		mac := hmac.New(sha256.New, key.bytes)
		mac.Write(text.bytes)
		sum := mac.Sum(nil)
		if !slices.ContainsFunc(signatures, func(s []byte) bool { return hmac.Equal(s, sum) }) {
			return
		}
		made := []string{}
		for _, v := range []variant{key, text, body} {
			if v.wrong != "" {
				made = append(made, v.wrong)
			}
		}
		if best == nil || len(made) < len(best) {
			best = made
		}
	}
	bodies := d.bodies()
	for _, key := range d.keys() {
		for _, body := range bodies {
			for _, text := range d.texts(body.bytes) {
				try(key, text, body)
			}
		}
	}
	for _, key := range d.others() { // which may be many, so that a large body written anew is not tried
		for _, body := range bodies {
			if len(body.bytes) > len(d.Body) {
				continue
			}
			try(key, d.texts(body.bytes)[0], body)
		}
	}
	if best == nil {
		return ""
	}
	if len(best) == 0 {
		return right
	}
	return strings.Join(best, " ")
}

// keys are what code may take for the key of a secret.
func (d *diagnosis) keys() []variant {
	var found []variant
	for _, c := range d.Secrets {
		if s, err := ParseSecret(c.Text); err == nil {
			found = append(found, variant{s.key(), ""})
		}
		text := strings.Trim(c.Text, " \t\r\n\"'")
		if s, err := ParseSecret(text); err == nil && text != c.Text {
			found = append(found, variant{s.key(), "The secret has white space or quotes around it: take them off."})
		}
		encoded, prefixed := strings.CutPrefix(text, Prefix)
		if prefixed {
			found = append(found, variant{[]byte(text), "The whole text of the secret was taken as the key, with whsec_: the key is what the base64 behind whsec_ stands for."},
				variant{[]byte(encoded), "The base64 behind whsec_ was taken as the key as it stands: decode it first."})
		} else if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			found = append(found, variant{key, "The secret was decoded as base64: without whsec_ in front its characters themselves are the key."})
		}
	}
	return found
}

// others are the keys of secrets that are somebody else's.
func (d *diagnosis) others() []variant {
	var found []variant
	for _, c := range d.Others {
		if s, err := ParseSecret(c.Text); err == nil {
			found = append(found, variant{s.key(), "It was signed with another secret: with " + c.Name + "."})
		}
	}
	return found
}

// texts are what code may sign of a body; the first one is right.
func (d *diagnosis) texts(body []byte) []variant {
	join := func(separator string, parts ...string) []byte {
		return append([]byte(strings.Join(parts, separator)+separator), body...)
	}
	return []variant{
		{join(".", d.id, d.timestamp), ""},
		{body, "The body alone was signed: want id.timestamp.body, with the values of the headers."},
		{join(".", d.timestamp), "It was signed without the id: want id.timestamp.body."},
		{join(".", d.id), "It was signed without the timestamp: want id.timestamp.body."},
		{join(".", d.timestamp, d.id), "The timestamp stands before the id: want id.timestamp.body."},
		{join("", d.id, d.timestamp), "It was signed without the dots: want id.timestamp.body."},
	}
}

// What happened to a body that was not signed as it was pasted.
const (
	lineBreak    = "The body has a line break at its end that was not signed; where it does not come of pasting, take it off."
	reserialized = "The body was parsed and written again, which changed its white space: sign and verify the bytes as they were received, before anything parses them."
	reescaped    = "The body was parsed and written again, which changed its escapes: sign and verify the bytes as they were received, before anything parses them."
	anotherBody  = "The body is not the one that was sent under this id."
)

// bodies are what may have been signed in the place of the body.
func (d *diagnosis) bodies() []variant {
	found := []variant{{d.Body, ""}}
	add := func(body []byte, wrong string) {
		if len(body) > 0 && !slices.ContainsFunc(found, func(v variant) bool { return bytes.Equal(v.bytes, body) }) {
			found = append(found, variant{body, wrong})
		}
	}
	add(bytes.TrimRight(d.Body, "\r\n"), lineBreak)
	var compact bytes.Buffer
	if json.Compact(&compact, d.Body) == nil {
		add(compact.Bytes(), reserialized)
		add(spaced(compact.Bytes()), reserialized)
		for _, indent := range []string{"  ", "    ", "\t"} {
			var indented bytes.Buffer
			if shallow(compact.Bytes()) && json.Indent(&indented, compact.Bytes(), "", indent) == nil {
				add(indented.Bytes(), reserialized)
			}
		}
		escaped := bytes.Buffer{}
		json.HTMLEscape(&escaped, compact.Bytes())
		add(escaped.Bytes(), reescaped)
		add(unescape(compact.Bytes()), reescaped)
		add(spaced(unescape(compact.Bytes())), reescaped)
	}
	add([]byte(d.Sent), anotherBody)
	return found
}

// shallow reports whether JSON grows to no more than a multiple when it is indented.
func shallow(text []byte) bool {
	return bytes.Count(text, []byte("{"))+bytes.Count(text, []byte("[")) <= 16
}

// changedHow says what makes a body out of the one that was sent; "" when that is more than its form.
func changedHow(got, sent []byte) string {
	if bytes.Equal(bytes.TrimRight(got, "\r\n"), sent) {
		return lineBreak
	}
	var a, b bytes.Buffer
	if json.Compact(&a, got) != nil || json.Compact(&b, sent) != nil {
		return ""
	}
	if bytes.Equal(a.Bytes(), b.Bytes()) {
		return reserialized
	}
	if bytes.Equal(unescape(a.Bytes()), unescape(b.Bytes())) {
		return reescaped
	}
	return ""
}

// unescaped writes those characters as they are that Go escapes in JSON, and others do not. A backslash before the escape
// is left with its own.
var unescaped = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029")

func unescape(text []byte) []byte { return []byte(unescaped.Replace(string(text))) }

// spaced returns compact JSON as Python's json.dumps writes it: with a space behind commas and colons.
func spaced(compact []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		out = append(out, c)
		switch {
		case quoted && c == '\\':
			i++
			out = append(out, compact[i])
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':'):
			out = append(out, ' ')
		}
	}
	return out
}
