package httpapi

import "testing"

// Whoever reads the log cannot sign in with it.
func TestLogged(t *testing.T) {
	for path, want := range map[string]string{
		"/settings/link/CVJ3QXGQZHC2W7NUQXAT4RTZGY": "/settings/link/…",
		"/settings/link/":           "/settings/link/…",
		"/settings/developers/keys": "/settings/developers/keys",
		"/v1/permits":               "/v1/permits",
	} {
		if got := logged(path); got != want {
			t.Errorf("logged(%q) = %q, want %q", path, got, want)
		}
	}
}
