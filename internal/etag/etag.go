// Package etag makes the entity tags of versioned resources and holds If-Match against them (RFC 9110 §8.8.3, §13.1.1).
package etag

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/plotwise/plotwise/internal/problem"
)

// Of returns the tag of a resource's version, as a response header: Seal completes it when the answer is known.
func Of(version int64) *string {
	tag := quote(strconv.FormatInt(version, 10))
	return &tag
}

// Seal returns the strong tag of an answer: a hash of its body, behind the version where the resource has one. An answer
// may change while its version stays (a permit on a watchlist moves on), and then so does its tag.
func Seal(version string, body []byte) string {
	sum := sha256.Sum256(body)
	hash := base64.RawURLEncoding.EncodeToString(sum[:16])
	if version = strings.Trim(version, `"`); version != "" {
		hash = version + "." + hash
	}
	return quote(hash)
}

func quote(text string) string { return `"` + text + `"` }

// Check holds an If-Match header (nil: none was sent) against a resource's version. It returns precondition_failed when
// the header names only other versions.
func Check(ifMatch *string, version int64) error {
	if ifMatch == nil {
		return nil
	}
	for candidate := range strings.SplitSeq(*ifMatch, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" {
			return nil
		}
		tag, weak := strings.CutPrefix(candidate, "W/")
		named, _, _ := strings.Cut(strings.Trim(tag, `"`), ".")
		if !weak && named == strconv.FormatInt(version, 10) {
			return nil
		}
	}
	return &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{
			In: problem.InHeader, Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer",
		}},
	}
}

// Matches reports whether an If-None-Match header names the tag, by weak comparison (RFC 9110 §13.1.2).
func Matches(ifNoneMatch, tag string) bool {
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
