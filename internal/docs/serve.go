package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// file is what a path answers.
type file struct {
	mediaType string
	etag      string
	plain     []byte
	zipped    []byte
}

func (s *site) add(path, mediaType string, text []byte) {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // which is a level
	_, _ = w.Write(text)                                       // a buffer takes everything
	_ = w.Close()
	sum := sha256.Sum256(text)
	s.files[path] = &file{mediaType: mediaType, etag: hex.EncodeToString(sum[:8]), plain: text, zipped: zipped.Bytes()}
}

// serve answers with the file of the path, compressed for those who take that. Browsers ask each time whether it is still
// the same.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	f, ok := s.files[path]
	if !ok {
		if trimmed := strings.TrimRight(path, "/"); trimmed != path && s.files[trimmed] != nil {
			http.Redirect(w, r, trimmed, http.StatusMovedPermanently) //nolint:gosec // to one of our own paths
			return
		}
		s.missing(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Accept-Encoding")
	text, etag := f.plain, f.etag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		text, etag = f.zipped, f.etag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func (s *site) missing(w http.ResponseWriter) {
	text, err := s.render("missing.html", page{Title: "Not found"})
	if err != nil {
		http.Error(w, "There is no such page; the documentation begins at /docs.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(text) // the client may be gone
}
