package plotwise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestError(t *testing.T) {
	f := newFake(t, answers(http.StatusNotFound, notFound))
	var got *Error
	if err := calls["GET"](t.Context(), f.Client); !errors.As(err, &got) {
		t.Fatalf("Get = %v", err)
	}
	if got.Status != 404 || got.Code != CodeNotFound || got.RequestID != "req_2" || got.DocURL != "https://example.com/docs#not_found" ||
		string(got.Body) != notFound || got.Header.Get("X-Request-Id") != "req_1" || len(got.Details) != 0 {
		t.Errorf("the error is %+v", got)
	}
	if want := "plotwise: 404 not_found: There is no such note. (request req_2)"; got.Error() != want {
		t.Errorf("Error = %s, want %s", got, want)
	}
}

func TestError_details(t *testing.T) {
	f := newFake(t, answers(422, `{"error":{"code":"invalid_body","message":"No.","request_id":"","doc_url":"",
		"details":[{"in":"body","pointer":"/body","code":"maxLength","message":"at most 5"},{"in":"body","pointer":"/x","code":"y","message":"z","value":"v"}]}}`))
	var got *Error
	if err := calls["POST"](t.Context(), f.Client); !errors.As(err, &got) {
		t.Fatalf("Create = %v", err)
	}
	want := []ErrorDetail{{In: "body", Pointer: "/body", Code: "maxLength", Message: "at most 5"}, {In: "body", Pointer: "/x", Code: "y", Message: "z", Value: new("v")}}
	if diff := cmp.Diff(want, got.Details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	if want := "plotwise: 422 invalid_body: No.; body /body: at most 5; body /x: z (request req_1)"; got.Error() != want {
		t.Errorf("Error = %s, want %s", got, want)
	}
}

// Answers of others than the API.
func TestError_pages(t *testing.T) {
	for _, body := range []string{"<html>502</html>", "", "null", "{}", `{"error":"gone"}`, `{"error":{}}`, `[1]`, "\xff"} {
		f := newFake(t, answers(http.StatusBadGateway, body))
		var got *Error
		err := calls["PATCH"](t.Context(), f.Client)
		if !errors.As(err, &got) || got.Code != "" || got.Message != "502 Bad Gateway" || string(got.Body) != body {
			t.Errorf("%q = %+v", body, err)
		}
		if want := "plotwise: 502 Bad Gateway (request req_1)"; err.Error() != want {
			t.Errorf("%q: Error = %s, want %s", body, err, want)
		}
	}
	f := newFake(t, answers(599, ""))
	if err := calls["PATCH"](t.Context(), f.Client); err.Error() != "plotwise: 599 (request req_1)" {
		t.Errorf("599 = %v", err)
	}
}

func TestError_key_hidden(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.Header().Set("X-Request-Id", testKey)
		answered := strings.Replace(notFound, "There is no such note.", "You sent "+r.Header.Get("Authorization"), 1)
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, answered)
	}
	var response Response
	var logged bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logged, nil))
	f := newFake(t, echo, WithLog(func(ctx context.Context, a Attempt) { logger.InfoContext(ctx, "plotwise", slog.Any("attempt", a)) }))
	var e *Error
	if err := calls["GET"](t.Context(), f.Client, WithResponse(&response)); !errors.As(err, &e) {
		t.Fatalf("Get = %v", err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %v", e, *e, *e, e.Body, e.Header)
	if strings.Contains(shown, testKey) || !strings.Contains(e.Message, "You sent Bearer [hidden]") || e.Header.Get("X-Echo") != "Bearer [hidden]" {
		t.Errorf("the error holds the key: %s", shown)
	}
	f.connect(t, WithTransport(&plainTransport{err: fmt.Errorf("malformed Authorization %q", testKey)}))
	err := calls["GET"](t.Context(), f.Client)
	if shown := fmt.Sprintf("%v %+v %v", err, f.attempts, errors.Unwrap(err)); strings.Contains(shown, testKey) || !strings.Contains(shown, hidden) {
		t.Errorf("the error holds the key: %s", shown)
	}
	if strings.Contains(logged.String(), "body") || strings.Contains(logged.String(), testKey) || logged.Len() == 0 {
		t.Errorf("the log says %s", logged.String())
	}
}

// Answers that are JSON, and of another form than they should have: another attempt would not help.
func TestError_form(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                            "plotwise: getNote: the answer has no data",
		`null`:                          "plotwise: getNote: the answer has no data",
		`[]`:                            "plotwise: getNote: read the answer: ",
		`{"data":{"created_at":"now"}}`: "plotwise: getNote: read the answer: ",
	} {
		f := newFake(t, answers(http.StatusOK, body))
		if err := calls["GET"](t.Context(), f.Client); err == nil || !strings.HasPrefix(err.Error(), want) || len(f.requests()) != 1 {
			t.Errorf("%s = %v after %d requests, want %s", body, err, len(f.requests()), want)
		}
	}
}

func TestWithResponse(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, aNote))
	var got Response
	if err := calls["GET"](t.Context(), f.Client, WithResponse(&got)); err != nil || got.Status != 200 || string(got.Body) != aNote || got.RequestID != "req_1" {
		t.Errorf("Response = %+v, %v", got, err)
	}
	f = newFake(t, answers(http.StatusNotFound, notFound))
	if err := calls["GET"](t.Context(), f.Client, WithResponse(&got)); err == nil || got.Status != 404 || string(got.Body) != notFound {
		t.Errorf("Response of a failure = %+v, %v", got, err)
	}
}
