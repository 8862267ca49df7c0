package ratelimit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ledger is the accounts of a test.
type ledger struct{ accounts }

func newLedger() ledger { return ledger{accounts{newTable[account]()}} }

// take lets the share, half of 100 a minute, allow so many requests: each costs it 1.2 s.
func (l ledger) take(n int, now time.Duration) {
	for range n {
		l.accounts.take(organization, now, limitOf(100), limitOf(50))
	}
}

// check checks what the name owes, and how much of the share is used.
func (l ledger) check(t *testing.T, when string, now, wantOwed, wantUsed time.Duration) {
	t.Helper()
	a := l.all()[organization].at(now)
	if used := a.full - now; a.owed != wantOwed || used != wantUsed {
		t.Errorf("%s: %s owed and %s used, want %s and %s", when, a.owed, used, wantOwed, wantUsed)
	}
}

func TestAccounts(t *testing.T) {
	l := newLedger()
	l.hear(organization, 0, 30*time.Second)
	l.check(t, "Redis said 30 s", 0, 0, 30*time.Second)
	l.hear(organization, 0, 20*time.Second)
	l.check(t, "an earlier answer came later", 0, 0, 30*time.Second)

	l.take(3, 0)
	l.check(t, "the share allowed 3", 0, 3600*time.Millisecond, 33600*time.Millisecond)
	l.check(t, "10 s later", 10*time.Second, 3600*time.Millisecond, 23600*time.Millisecond)
	l.check(t, "31 s later", 31*time.Second, 2600*time.Millisecond, 2600*time.Millisecond)

	l.hear(organization, 10*time.Second, 31*time.Second)
	l.check(t, "a late answer, of before Redis was away", 10*time.Second, 3600*time.Millisecond, 24600*time.Millisecond)
}

func TestAccounts_pay(t *testing.T) {
	l := newLedger()
	l.hear(organization, 0, 30*time.Second)
	l.hear("org_2", 0, 5*time.Second)
	l.take(3, 0)
	debts := l.owing(10 * time.Second)
	want := []debt{{organization, account{heard: 30 * time.Second, full: 33600 * time.Millisecond, owed: 3600 * time.Millisecond, part: 0.5}}}
	if diff := cmp.Diff(want, debts, cmp.AllowUnexported(debt{}, account{})); diff != "" {
		t.Fatalf("owing (-want +got):\n%s", diff)
	}
	l.take(1, 10*time.Second)
	l.pay(debts[0], 10*time.Second, 31800*time.Millisecond)
	l.check(t, "Redis was told of 3 while the share allowed 1", 10*time.Second, 1200*time.Millisecond, 24800*time.Millisecond)
	l.pay(debts[0], 10*time.Second, 45*time.Second)
	l.check(t, "Redis has heard more of others", 10*time.Second, 0, 35*time.Second)
	l.take(1, 10*time.Second)
	l.hear(organization, 10*time.Second, 46*time.Second)
	l.check(t, "Redis decides again", 10*time.Second, 1200*time.Millisecond, 37200*time.Millisecond)

	want = []debt{{organization, account{heard: 46 * time.Second}}}
	if diff := cmp.Diff(want, l.known(10*time.Second), cmp.AllowUnexported(debt{}, account{})); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
}

func TestAccounts_hear_bounds(t *testing.T) {
	l := newLedger()
	l.hear(organization, 0, time.Hour)
	l.check(t, "Redis said an hour", 0, 0, time.Minute)
	if got := l.size(); got != 1 {
		t.Errorf("%d accounts, want 1", got)
	}
	l.heard(organization, 2*time.Minute)
	if got := l.size(); got != 0 {
		t.Errorf("%d accounts when all is over, want none", got)
	}
}
