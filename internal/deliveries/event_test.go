package deliveries

import "testing"

func TestService_OfEvent(t *testing.T) {
	w := newWorld(t)
	good, bad := receive(t, answering(200)), receive(t, answering(503, 500))
	w.webhook(t, organizationID, good.URL)
	w.webhook(t, organizationID, bad.URL)
	gone := w.webhook(t, organizationID, "https://hooks.example.com/gone")
	w.tell(t, changed(organizationID, "Issued"))
	if err := w.webhooks.Delete(t.Context(), organizationID, gone, nil); err != nil {
		t.Fatal(err)
	}
	send(t, w.worker(t, usual))
	event := w.newest(t, organizationID)[0].EventID
	found, err := w.OfEvent(t.Context(), organizationID, event)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range found {
		status := ""
		if s.Status != nil {
			status = map[int]string{200: "200", 503: "503"}[*s.Status]
		}
		got[s.URL] = s.State + " " + status
	}
	want := map[string]string{good.URL: "succeeded 200", bad.URL: "pending 503", "": "cancelled "}
	for url, text := range want {
		if got[url] != text || len(got) != len(want) {
			t.Errorf("the deliveries are %q, want %q", got, want)
		}
	}
	if found, err := w.OfEvent(t.Context(), otherID, event); err != nil || len(found) > 0 {
		t.Errorf("OfEvent of another organization = %v, %v; want none", found, err)
	}
}
