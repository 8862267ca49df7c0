package ratelimit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ledger is the accounts of a test.
type ledger struct{ accounts }

func newLedger() ledger { return ledger{accounts{newTable[account]()}} }

// owed returns what the name owes, and how much of the share is used.
func (l ledger) owed(now time.Duration) (owed, used time.Duration) {
	l.change(organization, now, func(a account) account {
		owed, used = a.at(now).owed(), a.at(now).full-now
		return a
	})
	return owed, used
}

func (l ledger) check(t *testing.T, when string, now, wantOwed, wantUsed time.Duration) {
	t.Helper()
	if owed, used := l.owed(now); owed != wantOwed || used != wantUsed {
		t.Errorf("%s: %s owed and %s used, want %s and %s", when, owed, used, wantOwed, wantUsed)
	}
}

func TestAccounts(t *testing.T) {
	const half = 50 // of 100 a minute: 1.2 s a request
	l := newLedger()
	l.hear(organization, 0, 30*time.Second, account{})
	l.check(t, "Redis said 30 s", 0, 0, 30*time.Second)
	l.hear(organization, 0, 20*time.Second, account{})
	l.check(t, "an earlier answer came later", 0, 0, 30*time.Second)

	for range 3 {
		l.take(organization, 0, limitOf(half), 1)
	}
	l.take(organization, 0, limitOf(half), 0)
	l.check(t, "the share allowed 3", 0, 3600*time.Millisecond, 33600*time.Millisecond)
	l.check(t, "10 s later", 10*time.Second, 3600*time.Millisecond, 23600*time.Millisecond)
	l.check(t, "31 s later", 31*time.Second, 2600*time.Millisecond, 2600*time.Millisecond)

	claimed, ok := l.claim(organization, 10*time.Second)
	want := account{heard: 30 * time.Second, full: 33600 * time.Millisecond}
	if diff := cmp.Diff(want, claimed, cmp.AllowUnexported(account{})); !ok || diff != "" {
		t.Errorf("claim: %t (-want +got):\n%s", ok, diff)
	}
	if _, ok := l.claim(organization, 10*time.Second); ok {
		t.Error("an account that is being settled was claimed again")
	}
	l.release(organization, 10*time.Second, claimed)
	if _, ok := l.claim(organization, 10*time.Second); !ok {
		t.Error("a released account was not claimed again")
	}
	l.take(organization, 10*time.Second, limitOf(half), 1)
	l.hear(organization, 10*time.Second, 31800*time.Millisecond, claimed)
	l.check(t, "Redis was told 3 while the share allowed 1", 10*time.Second, 1200*time.Millisecond, 23*time.Second)
}

func TestAccounts_hear_bounds(t *testing.T) {
	l := newLedger()
	l.hear(organization, 0, time.Hour, account{})
	l.check(t, "Redis said an hour", 0, 0, time.Minute)
	if got := l.size(); got != 1 {
		t.Errorf("%d accounts, want 1", got)
	}
	l.take(organization, 2*time.Minute, limitOf(100), 0)
	if got := l.size(); got != 0 {
		t.Errorf("%d accounts when all is over, want none", got)
	}
}
