package contract

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/signature"
)

// signedArrival returns an arrival as it should be, by those secrets.
func signedArrival(at time.Time, secrets ...signature.Secret) received {
	body := []byte(`{"event":"a"}`)
	header := http.Header{}
	header.Set(signature.HeaderID, "evt_1")
	header.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(signature.HeaderSignature, signature.Sign(secrets, "evt_1", at, body))
	return received{arrival: arrival{at: at, header: header, body: body}, hook: &hook{secrets: secrets}}
}

func TestReceived_judgeSignatures(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	one, two := signature.NewSecret(), signature.NewSecret()
	over := func(text string) string {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one.String(), signature.Prefix))
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	for name, c := range map[string]struct {
		change func(r *received)
		want   string // place and keyword; "" for none
	}{
		"sound": {func(*received) {}, ""},
		"other scheme too": {func(r *received) {
			r.header.Set(signature.HeaderSignature, "v1a,AAAA "+r.header.Get(signature.HeaderSignature))
		}, ""},
		"none":           {func(r *received) { r.header.Del(signature.HeaderSignature) }, "header webhook-signature signature"},
		"no id":          {func(r *received) { r.header.Del(signature.HeaderID) }, "header webhook-signature signature"},
		"no timestamp":   {func(r *received) { r.header.Del(signature.HeaderTimestamp) }, "header webhook-timestamp live"},
		"milliseconds":   {func(r *received) { r.header.Set(signature.HeaderTimestamp, "1800000000.000") }, "header webhook-timestamp live"},
		"stale":          {func(r *received) { r.at = r.at.Add(6 * time.Minute) }, "header webhook-timestamp fresh"},
		"early":          {func(r *received) { r.at = r.at.Add(-6 * time.Minute) }, "header webhook-timestamp fresh"},
		"another body":   {func(r *received) { r.body = append(r.body, '\n') }, "header webhook-signature signature"},
		"another secret": {func(r *received) { r.hook.secrets = []signature.Secret{two} }, "header webhook-signature signature"},
		"a secret lacks": {func(r *received) { r.hook.secrets = []signature.Secret{one, two} }, "header webhook-signature signature"},
		"one too many": {func(r *received) {
			r.header.Set(signature.HeaderSignature, r.header.Get(signature.HeaderSignature)+" v1,AAAA")
		}, "header webhook-signature surplus"},
		"body alone":         {func(r *received) { r.header.Set(signature.HeaderSignature, over(`{"event":"a"}`)) }, "header webhook-signature part"},
		"timestamp and body": {func(r *received) { r.header.Set(signature.HeaderSignature, over(`1800000000.{"event":"a"}`)) }, "header webhook-signature part"},
		"id and body":        {func(r *received) { r.header.Set(signature.HeaderSignature, over(`evt_1.{"event":"a"}`)) }, "header webhook-signature part"},
	} {
		r := signedArrival(now, one)
		c.change(&r)
		got := ""
		faults := r.judgeSignatures()
		if len(faults) > 0 {
			got = faults[0].Place + " " + faults[0].Keyword
		}
		if got != c.want || len(faults) > 1 {
			t.Errorf("%s: judgeSignatures = %+v, want %q alone", name, faults, c.want)
		}
	}
	if both := signedArrival(now, one, two).judgeSignatures(); len(both) > 0 {
		t.Errorf("two secrets: judgeSignatures = %+v", both)
	}
}

// TestReceived_judgeAltered: a signature that is good for another timestamp as well is found, whatever else holds.
func TestReceived_judgeAltered(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := signature.NewSecret()
	r := signedArrival(now, s)
	r.header.Set(signature.HeaderSignature, r.header.Get(signature.HeaderSignature)+" "+signature.Sign([]signature.Secret{s}, "evt_1", now.Add(time.Second), r.body))
	if faults := r.judgeAltered(now); len(faults) != 1 || faults[0].Message != "is good for another timestamp too" {
		t.Errorf("judgeAltered = %+v, want the timestamp", faults)
	}
}

func TestHappened_of(t *testing.T) {
	h := happened{event: "thing.made", data: map[string]string{"id": "7"}}
	for body, want := range map[string]bool{
		`{"event":"thing.made","data":{"id":"7"}}`: true,
		`{"event":"thing.made","data":{"id":"8"}}`: false, // another's
		`{"event":"thing.gone","data":{"id":"7"}}`: false,
		`{"event":"thing.made","data":{}}`:         true, // a defective one of ours
		`no JSON`:                                  true,
	} {
		if got := h.of(arrival{body: []byte(body)}); got != want {
			t.Errorf("of(%s) = %t, want %t", body, got, want)
		}
	}
}
