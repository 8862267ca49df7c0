package postgres_test

import (
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/postgres"
)

func TestOpen_unreadable(t *testing.T) {
	for _, url := range []string{"mysql://u:hunter2@h/d", "postgres:/u:hunter2@h/d", "host=h password=a hunter2", "postgres://u:hunter2@h:x/d"} {
		_, err := postgres.Open(postgres.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "want postgres://user:password@host:port/database") {
			t.Errorf("Open(%q) = %v, want what it has to be, and nothing of it", url, err)
		}
	}
}
