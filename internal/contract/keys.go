package contract

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Keys are API keys of the same organization, beside the one that has every permission.
type Keys struct {
	Permissions map[string]string // by their only permission
	Refused     []RefusedKey
	made        []Exchange
}

// RefusedKey is a key that every operation has to refuse.
type RefusedKey struct {
	Name   string // such as a revoked key
	Key    string
	Status int
	Code   string // of the error
}

const (
	soon    = 2 * time.Second         // after which a key expires that is made to expire
	settled = 1200 * time.Millisecond // after which every server knows what became of a key
)

// MakeKeys makes keys as the document's x-keys says: one with each of its permissions alone, and those that have to be refused.
// It makes none where the document says nothing. RemoveKeys revokes them.
func (s *Suite) MakeKeys(ctx context.Context) (Keys, error) {
	keys := Keys{Permissions: map[string]string{}}
	says := node{document: s.document, value: s.document.root}.get("x-keys")
	op, known := s.byID[says.get("operation").text()]
	if !known {
		return keys, nil
	}
	for _, value := range says.get("permissions").list() {
		permission, _ := value.(string)
		key, _, err := s.makeKey(ctx, &keys, op, says, says.get("body"), permission)
		if err != nil {
			return keys, err
		}
		keys.Permissions[permission] = key
	}
	refused := says.get("refused")
	for i := range refused.list() {
		k := refused.index(i)
		key, made, err := s.makeKey(ctx, &keys, op, says, k.get("body"), "")
		if err != nil {
			return keys, err
		}
		if k.get("revoked").value == true {
			s.remove(ctx, made)
		}
		status, _ := whole(k.get("status"))
		keys.Refused = append(keys.Refused, RefusedKey{k.get("name").text(), key, status, k.get("code").text()})
	}
	select {
	case <-ctx.Done():
	case <-time.After(soon + settled):
	}
	return keys, ctx.Err()
}

// RemoveKeys deletes the keys that MakeKeys made.
func (s *Suite) RemoveKeys(ctx context.Context, keys Keys) {
	for _, made := range keys.made {
		if !s.remove(ctx, made) {
			s.fail(made, "cleaning up", Fault{"status", "cleanup", "an API key of this run could not be revoked; revoke it by hand"})
		}
	}
}

func (s *Suite) makeKey(ctx context.Context, keys *Keys, op Operation, says, body node, permission string) (string, Exchange, error) {
	text := strings.NewReplacer("$permission", permission, "$soon", s.options.Now().Add(soon).UTC().Format(time.RFC3339Nano)).Replace(string(encode(body.value)))
	e, err := s.client.send(ctx, Request{Operation: op, Key: s.options.Key, Body: []byte(text)})
	if err != nil {
		return "", e, err
	}
	key, ok := evaluate(says.get("key").text(), e)
	if e.Status != http.StatusCreated || !ok {
		return "", e, fmt.Errorf("make an API key as x-keys says: %s is answered with %d %.300s", text, e.Status, e.Body)
	}
	keys.made = append(keys.made, e)
	return key, e, nil
}
