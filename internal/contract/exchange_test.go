package contract

import "testing"

func TestExchange_Curl(t *testing.T) {
	e := Exchange{URL: "http://localhost/hooks", Request: Request{Operation: Operation{Method: "POST"}, Key: "secret", Body: []byte(`{"a": "it's"}`)}}
	want := `curl -i -X POST -H "Authorization: Bearer $PLOTWISE_API_KEY" -H 'Content-Type: application/json' --data-binary '{"a": "it'\''s"}' 'http://localhost/hooks'`
	if got := e.Curl(); got != want {
		t.Errorf("Curl = %s, want %s", got, want)
	}
}
