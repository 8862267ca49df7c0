// Package web is what pages share: their look, and how files are served that are ready before anybody asks.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// Asset returns one of the files that give pages their look: logo.svg, style.css or copy.js.
func Asset(name string) []byte {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil { // which a test would have caught
		panic(err)
	}
	return text
}

// File is what a path answers: always the same.
type File struct {
	mediaType string
	etag      string
	zipped    []byte // all that is kept: it is a tenth, and what nearly everybody takes
}

// NewFile returns a File with a text of the media type.
func NewFile(mediaType string, text []byte) *File {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // which is a level
	_, _ = w.Write(text)                                       // a buffer takes everything
	_ = w.Close()
	sum := sha256.Sum256(text)
	return &File{mediaType, hex.EncodeToString(sum[:8]), bytes.Clone(zipped.Bytes())}
}

// ServeHTTP answers with the file, compressed for those who take that. Browsers ask each time whether it is still the same
// (RFC 9110 §13).
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	h.Add("Vary", "Accept-Encoding")
	text, etag := f.zipped, f.etag+"-gzip"
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
	} else {
		text, etag = f.plain(), f.etag
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func (f *File) plain() []byte {
	var text []byte
	unzipped, err := gzip.NewReader(bytes.NewReader(f.zipped))
	if err == nil {
		text, err = io.ReadAll(unzipped)
	}
	if err != nil { // NewFile zipped it
		panic(err)
	}
	return text
}

// MediaType returns that of a file by its name.
func MediaType(name string) string {
	return map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[name[strings.LastIndexByte(name, '.'):]]
}

// Secured forbids everything that pages do not need (CSP Level 3). Scripts may ask this origin, and the ones named.
func Secured(next http.Handler, origins ...string) http.Handler {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
		strings.Join(append([]string{"connect-src 'self'"}, origins...), " ") + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
