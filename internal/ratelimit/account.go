package ratelimit

import "time"

// account is what a process knows of a name while Redis has the last word: what Redis said, and what this process has
// allowed of its share since. Redis may be away for long and may come back knowing nothing; with this it can be told.
type account struct {
	heard    time.Duration // when all of the limit is there again, as Redis said
	full     time.Duration // when all of this process's share is there again: heard, and later for every request since
	settling bool          // a call is telling Redis what the share allowed
}

func (a account) over(now time.Duration) bool {
	return !a.settling && a.heard <= now && a.full <= now
}

// at returns the account with nothing in the past, and nothing further off than a whole limit.
func (a account) at(now time.Duration) account {
	a.heard = min(max(a.heard, now), now+time.Minute)
	a.full = min(max(a.full, a.heard), now+time.Minute)
	return a
}

// owed is what the share allowed that Redis has not heard of, as a part of the share.
func (a account) owed() time.Duration { return a.full - a.heard }

// accounts keeps the accounts of a process's names.
type accounts struct {
	*table[account]
}

// claim returns the name's account before Redis is asked. An account that owes something is the caller's until hear or
// release. It returns false when it is another's: then decide by the share, lest Redis is told twice.
func (t accounts) claim(name string, now time.Duration) (claimed account, ok bool) {
	t.change(name, now, func(a account) account {
		if a.settling {
			return a
		}
		claimed, ok = a.at(now), true
		a.settling = claimed.owed() > 0
		return a
	})
	return claimed, ok
}

// hear notes when Redis says that all of the limit is there again. The share is as far from it as the whole, and still
// owes what it allowed since the account was claimed. Answers may come in any order: the latest time holds.
func (t accounts) hear(name string, now, heard time.Duration, claimed account) {
	t.change(name, now, func(a account) account {
		a = a.at(now)
		later := max(0, heard-a.heard)
		a.heard += later
		a.full += later - claimed.owed()
		if claimed.owed() > 0 {
			a.settling = false
		}
		return a.at(now)
	})
}

// release gives back an account of which Redis could not be told.
func (t accounts) release(name string, now time.Duration, claimed account) {
	if claimed.owed() == 0 {
		return
	}
	t.change(name, now, func(a account) account {
		a.settling = false
		return a
	})
}

// take lets the share decide on so many requests: 1, or 0 to look.
func (t accounts) take(name string, now time.Duration, share limit, requests int) (r Result) {
	t.change(name, now, func(a account) account {
		a = a.at(now)
		var used time.Duration
		used, r = share.take(a.full-now, requests)
		a.full = now + used
		return a
	})
	return r
}
