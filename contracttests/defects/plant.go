// Package defects plants defects in front of the server, one at a time, and wants the contract suite to find each.
package defects

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// plant makes a defective handler out of a sound one.
type plant func(sound http.Handler) http.Handler

// answer is an answer on its way out.
type answer struct {
	request *http.Request
	status  int
	header  http.Header
	body    []byte
}

// onAnswer changes what is answered.
func onAnswer(change func(a *answer)) plant {
	return func(sound http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			recorded := httptest.NewRecorder()
			r.Header.Del("Accept-Encoding") // or there is nothing to read in what is compressed
			sound.ServeHTTP(recorded, r)
			a := &answer{r, recorded.Code, recorded.Header(), recorded.Body.Bytes()}
			change(a)
			for name, values := range a.header {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
			if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
				w.Header().Del("Content-Length")
			}
			w.WriteHeader(a.status)
			_, _ = w.Write(a.body)
		})
	}
}

// onSuccess changes what is answered with 200 or 201.
func onSuccess(change func(a *answer)) plant {
	return onAnswer(func(a *answer) {
		if a.status == http.StatusOK || a.status == http.StatusCreated {
			change(a)
		}
	})
}

// onFailure changes what is answered with 400 and above.
func onFailure(change func(a *answer)) plant {
	return onAnswer(func(a *answer) {
		if a.status >= http.StatusBadRequest {
			change(a)
		}
	})
}

// onData changes what the data of a success holds: the object, or every one of a list.
func onData(change func(data map[string]any)) plant {
	return onSuccess(func(a *answer) {
		a.edit(func(body map[string]any) {
			switch data := body["data"].(type) {
			case map[string]any:
				change(data)
			case []any:
				for _, item := range data {
					change(item.(map[string]any))
				}
			}
		})
	})
}

// edit changes the body, when it is a JSON object.
func (a *answer) edit(change func(body map[string]any)) {
	var body map[string]any
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if dec.Decode(&body) != nil || body == nil {
		return
	}
	change(body)
	a.body, _ = json.Marshal(body) // it was JSON
}

func set(name string, value any) func(map[string]any) {
	return func(data map[string]any) { data[name] = value }
}

func within(name string, change func(map[string]any)) func(map[string]any) {
	return func(data map[string]any) {
		if inner, ok := data[name].(map[string]any); ok {
			change(inner)
		}
	}
}

// onRequest changes what the server gets.
func onRequest(change func(r *http.Request)) plant {
	return func(sound http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			other := r.Clone(r.Context())
			change(other)
			sound.ServeHTTP(w, other)
		})
	}
}

// onBody changes the body that the server gets.
func onBody(change func(body string) string) plant {
	return onRequest(func(r *http.Request) {
		text, _ := io.ReadAll(r.Body) // of the suite itself
		changed := change(string(text))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
	})
}

// onQuery changes the query that the server gets.
func onQuery(change func(name, value string) (string, bool)) plant {
	return onRequest(func(r *http.Request) {
		query := r.URL.Query()
		for name, values := range query {
			value, keep := change(name, values[0])
			if query.Del(name); keep {
				query.Set(name, value)
			}
		}
		r.URL.RawQuery = query.Encode()
	})
}

// when plants a defect only where the request is such a one.
func when(is func(r *http.Request) bool, p plant) plant {
	return func(sound http.Handler) http.Handler {
		defective := p(sound)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if is(r) {
				defective.ServeHTTP(w, r)
				return
			}
			sound.ServeHTTP(w, r)
		})
	}
}

func method(name string) func(r *http.Request) bool {
	return func(r *http.Request) bool { return r.Method == name }
}
