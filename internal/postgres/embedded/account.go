package embedded

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that Postgres runs as, because it refuses to run as root. A nil account is the current user.
type account struct {
	name  string
	user  uint32
	group uint32
}

// unprivileged returns the account to run as: postgres, else nobody, when root; nil otherwise.
func unprivileged() (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // documented: nil is the current user
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the group id of %s: %w", name, err)
		}
		return &account{name: name, user: uint32(uid), group: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("Postgres does not run as root, and there is neither a user postgres nor nobody") //nolint:staticcheck // a name
}

func (a *account) uid() int {
	if a == nil {
		return os.Getuid()
	}
	return int(a.user)
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.user, Gid: a.group}
}

// own gives the account a directory that this process just made.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	if err := os.Chown(dir, int(a.user), int(a.group)); err != nil {
		return fmt.Errorf("hand %s to the user %s: %w", dir, a.name, err)
	}
	return nil
}

// reaches reports whether the account may pass through every directory on the way to dir, and through dir itself.
func (a *account) reaches(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		bit := os.FileMode(0o001)
		switch {
		case stat.Uid == a.user:
			bit = 0o100
		case stat.Gid == a.group:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
