package organizations

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

func newService(t *testing.T) *Service {
	t.Helper()
	return NewService(pgtest.Open(t), time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
}

func newOrganization(t *testing.T, s *Service, name, plan string) uuid.UUID {
	t.Helper()
	created, err := s.Create(t.Context(), name, plan)
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func missing(err error) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Kind == problem.NotFound
}

func TestService_GetByName(t *testing.T) {
	s := newService(t)
	one := newOrganization(t, s, "Palmetto Builders", "starter")
	first, second := newOrganization(t, s, "Twins", "starter"), newOrganization(t, s, "Twins", "starter")
	if got, err := s.GetByName(t.Context(), "Palmetto Builders"); err != nil || got != one {
		t.Errorf("GetByName = %s, %v; want %s", got, err, one)
	}
	if _, err := s.GetByName(t.Context(), "palmetto builders"); !missing(err) {
		t.Errorf("GetByName of another case = %v, want NotFound", err)
	}
	_, err := s.GetByName(t.Context(), "Twins")
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), id.Format(id.Organization, first)) || !strings.Contains(err.Error(), id.Format(id.Organization, second)) {
		t.Errorf("GetByName of two = %v, want ErrAmbiguous with both ids", err)
	}
}

func TestService_SetPlan(t *testing.T) {
	s := newService(t)
	one := newOrganization(t, s, "Palmetto Builders", "starter")
	agreed := int32(5000)
	for _, c := range []struct {
		plan              string
		agreed            *int32
		requestsPerMinute int32
	}{{"enterprise", &agreed, 5000}, {"enterprise", nil, 10000}, {"starter", nil, 100}} {
		if err := s.SetPlan(t.Context(), one, c.plan, c.agreed); err != nil {
			t.Fatal(err)
		}
		o, err := s.Get(t.Context(), one)
		if err != nil || o.Plan != c.plan || o.RequestsPerMinute != c.requestsPerMinute {
			t.Errorf("after SetPlan(%s) = %+v, %v; want %d requests a minute", c.plan, o, err, c.requestsPerMinute)
		}
	}
	if err := s.SetPlan(t.Context(), uuid.New(), "starter", nil); !missing(err) {
		t.Errorf("SetPlan of nobody = %v, want NotFound", err)
	}
}
