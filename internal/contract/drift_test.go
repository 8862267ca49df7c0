package contract

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// The code samples of a served document go to the server that serves it, and are the same apart from that.
func TestSuite_compareServed_samples(t *testing.T) {
	text, err := os.ReadFile("testdata/tasks.json")
	if err != nil {
		t.Fatal(err)
	}
	const summary = `"operationId": "listTasks",`
	document := strings.Replace(string(text), summary, summary+`"x-codeSamples": [{"lang": "bash", "source": "curl https://tasks.example.com/tasks"}],`, 1)
	document = strings.Replace(document, "{", `{"servers": [{"url": "https://tasks.example.com"}],`, 1)
	for _, c := range []struct{ name, to, want string }{
		{"this server", "$here", ""},
		{"the first server of the suite's document", "https://tasks.example.com", "/paths/~1tasks/get/x-codeSamples drift"},
		{"another server", "https://other.example.com", "/paths/~1tasks/get/x-codeSamples drift"},
	} {
		served := document
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(served)) }))
		t.Cleanup(server.Close)
		served = strings.Replace(served, `"url": "https://tasks.example.com"`, `"url": "`+server.URL+`/"`, 1)
		served = strings.Replace(served, "curl https://tasks.example.com", "curl "+strings.Replace(c.to, "$here", server.URL, 1), 1)
		suite, err := New([]byte(document), Options{BaseURL: server.URL, Key: tasksKey, ServedAt: "/openapi.json", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		suite.compareServed(t.Context())
		var got []string
		for _, g := range suite.report.Groups() {
			got = append(got, strings.TrimPrefix(g.Cause, "document "))
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("samples that go to %s: findings %q, want %q", c.name, got, c.want)
		}
	}
}
