package redistest

import "testing"

func TestServer(t *testing.T) {
	s := Start(t)
	url := s.URL()
	s.Pause()
	s.Resume()
	if err := s.ping(); err != nil {
		t.Errorf("after Resume: %v", err)
	}
	s.Kill()
	if err := s.ping(); err == nil {
		t.Error("a killed server answers")
	}
	s.Restart()
	if err := s.ping(); err != nil {
		t.Errorf("after Restart: %v", err)
	}
	if got := s.URL(); got != url {
		t.Errorf("URL() = %q after Restart, want %q as before", got, url)
	}
}
