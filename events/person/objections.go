package person

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// Objections is who had objected when it was loaded. A nil *Objections is empty.
type Objections struct {
	key    *Key
	hashes map[string]struct{}
}

// objection is the value of a key in the bucket OBJECTIONS. The key is the hash of the
// person.
type objection struct {
	CaseID string    `json:"case_id"`
	At     time.Time `json:"at"`
}

const (
	objectionStream = "KV_" + events.KVObjections
	objectionPrefix = "$KV." + events.KVObjections + "."
)

// LoadObjections reads the whole list. It needs permission for batched direct gets of
// the bucket.
func LoadObjections(ctx context.Context, js jetstream.JetStream, key *Key) (*Objections, error) {
	o := &Objections{key: key, hashes: map[string]struct{}{}}
	for m, err := range events.Messages(ctx, js, objectionStream, objectionPrefix+">", 1) {
		if err != nil {
			return nil, fmt.Errorf("load objections: %w", err)
		}
		hash := strings.TrimPrefix(m.Subject, objectionPrefix)
		if m.Header.Get("KV-Operation") != "" { // deleted or purged
			delete(o.hashes, hash)
			continue
		}
		o.hashes[hash] = struct{}{}
	}
	return o, nil
}

// Has reports whether a person has objected.
func (o *Objections) Has(id string) bool {
	if o == nil || len(o.hashes) == 0 {
		return false
	}
	_, has := o.hashes[o.key.Hash(id)]
	return has
}

// Len returns how many people have objected.
func (o *Objections) Len() int {
	if o == nil {
		return 0
	}
	return len(o.hashes)
}

// Object puts a person on the list. Who is on it stays there from then on.
func Object(ctx context.Context, js jetstream.JetStream, hash, caseID string, at time.Time) error {
	kv, err := js.KeyValue(ctx, events.KVObjections)
	if err != nil {
		return fmt.Errorf("object: bucket %s: %w", events.KVObjections, err)
	}
	value, err := json.Marshal(objection{CaseID: caseID, At: at.UTC()})
	if err != nil {
		return fmt.Errorf("object: %w", err)
	}
	_, err = kv.Create(ctx, hash, value)
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("object: %w", err)
	}
	return nil
}

// Lift takes a person off the list. It is no error if the person is not on it.
func Lift(ctx context.Context, js jetstream.JetStream, hash string) error {
	kv, err := js.KeyValue(ctx, events.KVObjections)
	if err != nil {
		return fmt.Errorf("lift objection: bucket %s: %w", events.KVObjections, err)
	}
	if err := kv.Purge(ctx, hash); err != nil {
		return fmt.Errorf("lift objection: %w", err)
	}
	return nil
}

// HasObjected reports whether the person with a hash is on the list.
func HasObjected(ctx context.Context, js jetstream.JetStream, hash string) (bool, error) {
	kv, err := js.KeyValue(ctx, events.KVObjections)
	if err != nil {
		return false, fmt.Errorf("read objections: bucket %s: %w", events.KVObjections, err)
	}
	_, err = kv.Get(ctx, hash)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read objections: %w", err)
	}
	return true, nil
}
