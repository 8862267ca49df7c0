package docs

import (
	"net/http"
	"strings"

	"github.com/plotwise/plotwise/internal/web"
)

func (s *site) add(path, mediaType string, text []byte) {
	s.files[path] = web.NewFile(mediaType, text)
}

// serve answers with the file of the path.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.URL.Path]
	if !ok {
		if trimmed := strings.TrimRight(r.URL.Path, "/"); trimmed != r.URL.Path && s.files[trimmed] != nil {
			http.Redirect(w, r, trimmed, http.StatusMovedPermanently) //nolint:gosec // to one of our own paths
			return
		}
		s.missing(w)
		return
	}
	f.ServeHTTP(w, r)
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
