package accounts

import (
	"testing"

	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) { pgtest.Prepare(t, statements.All()) }
