package contract

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// tasks is a small server that knows nothing of Plotwise. Its defect, when it has one, is planted.
type tasks struct {
	mu     sync.Mutex
	all    map[string]map[string]any
	last   int
	schema *jsonschema.Schema // of a new task
	defect string
}

const tasksKey = "secret"

func newTasks(document *Document, defect string) (http.Handler, error) {
	schema, err := document.lookup("/components/schemas/NewTask").schema()
	if err != nil {
		return nil, err
	}
	s := &tasks{all: map[string]map[string]any{}, schema: schema, defect: defect}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tasks", s.list)
	mux.HandleFunc("POST /tasks", s.create)
	mux.HandleFunc("GET /tasks/{task}", s.one)
	mux.HandleFunc("DELETE /tasks/{task}", s.one)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+tasksKey && s.defect != "open" {
			fail(w, http.StatusUnauthorized, "", "", "")
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

func fail(w http.ResponseWriter, status int, in, at, code string) {
	details := []any{}
	if code != "" {
		details = append(details, map[string]any{"in": in, "pointer": at, "code": code, "message": "is not right"})
	}
	answerJSON(w, status, map[string]any{"error": map[string]any{"code": "invalid", "message": "It is not right.", "details": details}})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *tasks) list(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.URL.Query() {
		switch name {
		case "limit":
			n, err := strconv.Atoi(values[0])
			switch {
			case err != nil:
				fail(w, http.StatusBadRequest, "query", name, "type")
				return
			case n < 1:
				fail(w, http.StatusBadRequest, "query", name, "minimum")
				return
			case n > 50 && s.defect != "limit":
				fail(w, http.StatusBadRequest, "query", name, "maximum")
				return
			}
		case "colour":
			if !slices.Contains([]string{"none", "red", "green"}, values[0]) {
				fail(w, http.StatusBadRequest, "query", name, "enum")
				return
			}
		default:
			fail(w, http.StatusBadRequest, "query", name, "unknown")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.all)) {
		data = append(data, s.all[id])
	}
	answerJSON(w, http.StatusOK, map[string]any{"data": data})
}

func (s *tasks) create(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if r.Header.Get("Content-Type") != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "header", "Content-Type", "media")
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "body", "", "syntax")
		return
	}
	var failure *jsonschema.ValidationError
	if errors.As(s.schema.Validate(value), &failure) {
		if s.defect == "half" {
			s.mu.Lock()
			s.last++
			s.all["t"+strconv.Itoa(s.last)] = map[string]any{"id": "t" + strconv.Itoa(s.last), "title": "half", "colour": "none", "tags": []any{}}
			s.mu.Unlock()
		}
		s.refuse(w, failure)
		return
	}
	task := value.(map[string]any)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	id := "t" + strconv.Itoa(s.last)
	made := map[string]any{"id": id, "title": task["title"], "colour": "none", "tags": []any{}}
	for _, name := range []string{"colour", "tags"} {
		if v, ok := task[name]; ok {
			made[name] = v
		}
	}
	if s.defect == "extra" {
		made["owner"] = "somebody"
	}
	s.all[id] = made
	w.Header().Set("Location", "/tasks/"+id)
	answerJSON(w, http.StatusCreated, map[string]any{"data": made})
}

// refuse names the first thing that breaks the schema.
func (s *tasks) refuse(w http.ResponseWriter, failure *jsonschema.ValidationError) {
	leaf := leaves(failure)[0]
	path := leaf.ErrorKind.KeywordPath()
	keyword, at := path[len(path)-1], pointer(leaf.InstanceLocation)
	quoted := regexp.MustCompile(`'([^']*)'[^']*$`).FindStringSubmatch(leaf.Error())
	if (keyword == "required" || keyword == "additionalProperties") && quoted != nil {
		at += "/" + quoted[1]
	}
	if s.defect == "pointer" {
		at = ""
	}
	fail(w, http.StatusUnprocessableEntity, "body", at, keyword)
}

func (s *tasks) one(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("task")
	if !regexp.MustCompile(`^t[0-9]{1,9}$`).MatchString(id) {
		fail(w, http.StatusBadRequest, "path", "task", "pattern")
		return
	}
	if r.URL.RawQuery != "" {
		fail(w, http.StatusBadRequest, "query", "no_such_parameter", "unknown")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	task, ok := s.all[id]
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "", "", "")
	case r.Method == http.MethodDelete:
		if s.defect != "undead" {
			delete(s.all, id)
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		answerJSON(w, http.StatusOK, map[string]any{"data": task})
	}
}
