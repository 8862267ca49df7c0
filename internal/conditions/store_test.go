package conditions

import (
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) {
	all := statements.All()
	for _, kind := range []string{Company, License, Person, Location} {
		var b postgres.Query
		b.Add(statements.Part("find_"+kind), uuid.Nil, uuid.Nil)
		all["replace "+kind], _ = b.Add(statements.Part("replace"), uuid.Nil, uuid.Nil, uuid.Nil, uuid.Nil, nil).SQL()
	}
	pgtest.Prepare(t, all)
}
