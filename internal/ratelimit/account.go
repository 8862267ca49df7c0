package ratelimit

import "time"

// account is what a process knows of a name: what Redis said, and what this process has allowed of its share since. Redis
// may be away for long and may come back knowing nothing; with this it can be told.
type account struct {
	heard time.Duration // when all of the limit is there again, as Redis said
	full  time.Duration // when all of this process's share is there again: heard, and later for every request since
	owed  time.Duration // by how much later for those of which Redis was not told
	part  float64       // of the limit that the share is: owed is as much less of the whole
}

func (a account) over(now time.Duration) bool { return a.heard <= now && a.full <= now }

// at returns the account with nothing in the past, and nothing further off than a whole limit.
func (a account) at(now time.Duration) account {
	a.heard = min(max(a.heard, now), now+time.Minute)
	a.full = min(max(a.full, a.heard), now+time.Minute)
	a.owed = min(a.owed, a.full-now)
	return a
}

// accounts keeps the accounts of a process's names.
type accounts struct {
	*table[account]
}

// debt is what Redis is to be told of a name.
type debt struct {
	name string
	account
}

// known returns what Redis said of each name, and nothing owed.
func (t accounts) known(now time.Duration) []debt {
	var found []debt
	for name, a := range t.all() {
		if a.heard > now {
			found = append(found, debt{name, account{heard: a.heard}})
		}
	}
	return found
}

// owing returns the accounts that owe something.
func (t accounts) owing(now time.Duration) []debt {
	var found []debt
	for name, a := range t.all() {
		if a = a.at(now); a.owed > 0 {
			found = append(found, debt{name, a})
		}
	}
	return found
}

// heard returns when all of the name's limit is there again, as Redis said.
func (t accounts) heard(name string, now time.Duration) (heard time.Duration) {
	t.change(name, now, func(a account) account {
		heard = a.at(now).heard
		return a
	})
	return heard
}

// hear notes when Redis, which decides, says that all of the limit is there again. The share is as far from it as the
// whole, and what is owed on top. Answers may come in any order: the latest time holds.
func (t accounts) hear(name string, now, heard time.Duration) {
	t.change(name, now, func(a account) account {
		a = a.at(now)
		a.heard = max(a.heard, heard)
		a.full = a.heard + a.owed
		return a.at(now)
	})
}

// pay notes that Redis was told of a debt, and what it says now. The share, which still decides, gains nothing by it.
func (t accounts) pay(d debt, now, heard time.Duration) {
	t.change(d.name, now, func(a account) account {
		a = a.at(now)
		a.heard = max(a.heard, heard)
		a.owed = max(0, a.owed-d.owed)
		a.full = max(a.full, a.heard+a.owed)
		return a.at(now)
	})
}

// take lets the share decide on a request.
func (t accounts) take(name string, now time.Duration, whole, share limit) (r Result) {
	t.change(name, now, func(a account) account {
		a = a.at(now)
		var used time.Duration
		used, r = share.take(a.full-now, 1)
		a.owed += now + used - a.full
		a.full = now + used
		a.part = float64(whole.interval) / float64(share.interval)
		return a
	})
	r.Limit = whole.perMinute
	return r
}
