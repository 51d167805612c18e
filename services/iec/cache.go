package iec

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// CacheConfig says how long an answer of the IEC is good for.
type CacheConfig struct {
	// Key is the secret under which ID numbers are hashed; without it the few
	// possible ID numbers could be tried out. It must not be empty, and all
	// replicas need the same.
	Key string
	// Registered is the age to which a registered, deceased or international
	// person's answer is used again; 0 means 24 h. Answers are not kept for longer
	// than events.VerdictsTTL.
	Registered time.Duration
	// NotRegistered is the same for people who may register any day; 0 means 1 h.
	NotRegistered time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Cache keeps the IEC's answers as they come in, so that none is asked for
// twice. Keys are HMACs: no ID number becomes a subject.
type Cache struct {
	kv     jetstream.KeyValue
	js     jetstream.JetStream
	stream string // behind kv
	prefix string // of its subjects
	claims claims
	cfg    CacheConfig
}

// NewCache returns the cache kept in the bucket verdicts, which js can read. The
// bucket claimed says who is being asked about at the moment.
func NewCache(js jetstream.JetStream, verdicts, claimed jetstream.KeyValue, cfg CacheConfig) (*Cache, error) {
	if cfg.Key == "" {
		return nil, errors.New("iec cache: key is empty")
	}
	if cfg.Registered == 0 {
		cfg.Registered = 24 * time.Hour
	}
	if cfg.NotRegistered == 0 {
		cfg.NotRegistered = time.Hour
	}
	for _, age := range []time.Duration{cfg.Registered, cfg.NotRegistered} {
		if age < 0 || age > events.VerdictsTTL {
			return nil, fmt.Errorf("iec cache: answers of an age of %s: must be 0 to %s", age, events.VerdictsTTL)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Cache{
		kv: verdicts, js: js, stream: "KV_" + verdicts.Bucket(), prefix: "$KV." + verdicts.Bucket() + ".",
		claims: claims{claimed}, cfg: cfg,
	}, nil
}

// keyBytes is how much of the HMAC names a person: no two of ten million meet in
// it, and the server keeps an index of all keys in memory.
const keyBytes = 16

func (c *Cache) key(id string) string {
	mac := hmac.New(sha256.New, []byte(c.cfg.Key))
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:keyBytes])
}

// Get returns an answer that is fresh enough for a job uploaded at since. An
// answer given after that is, however old: the job itself may have paid for
// it before a pause that lasted for hours.
func (c *Cache) Get(ctx context.Context, id string, since time.Time) (v records.Verdict, ok bool, err error) {
	entry, err := c.kv.Get(ctx, c.key(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("read verdict: %w", err)
	}
	return c.fresh(entry.Value(), since)
}

func (c *Cache) fresh(value []byte, since time.Time) (v records.Verdict, ok bool, err error) {
	if err := records.Parse(value, &v); err != nil {
		return v, false, fmt.Errorf("read verdict: %w", err)
	}
	limit := c.cfg.Registered
	if v.Status == records.NotRegistered {
		limit = c.cfg.NotRegistered
	}
	return v, !v.At.Before(since) || c.cfg.Now().Sub(v.At) < limit, nil
}

// GetMany is Get for up to events.MaxReadLast people at once, by their ID numbers.
// Who is not among the answers may have one all the same.
func (c *Cache) GetMany(ctx context.Context, ids []string, since time.Time) (map[string]records.Verdict, error) {
	byKey := make(map[string]string, len(ids))
	subjects := make([]string, len(ids))
	for i, id := range ids {
		key := c.key(id)
		byKey[key], subjects[i] = id, c.prefix+key
	}
	msgs, err := events.ReadLast(ctx, c.js, c.stream, subjects)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	found := make(map[string]records.Verdict, len(msgs))
	for _, m := range msgs {
		v, ok, err := c.fresh(m.Data, since)
		if err != nil {
			return nil, err
		}
		if ok {
			found[byKey[strings.TrimPrefix(m.Subject, c.prefix)]] = v
		}
	}
	return found, nil
}

// Held is the answer that is kept about a person, however old; nil for none.
func (c *Cache) Held(ctx context.Context, id string) (*records.Verdict, error) {
	entry, err := c.kv.Get(ctx, c.key(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	v := &records.Verdict{}
	if err := records.Parse(entry.Value(), v); err != nil {
		return nil, fmt.Errorf("read verdict: %w", err)
	}
	return v, nil
}

// Forget removes the answer about a person, if one is kept.
func (c *Cache) Forget(ctx context.Context, id string) error {
	if err := c.kv.Purge(ctx, c.key(id)); err != nil {
		return fmt.Errorf("forget verdict: %w", err)
	}
	return nil
}

// claim is the right to ask about a person for a job; nil while another job asks.
func (c *Cache) claim(ctx context.Context, id, job string) (*claim, error) {
	return c.claims.take(ctx, c.key(id), job)
}

// Put keeps an answer. Unverified is no answer and is not kept.
func (c *Cache) Put(ctx context.Context, id string, v records.Verdict) error {
	if v.Status == records.Unverified {
		return nil
	}
	v.N = 0
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keep verdict: %w", err)
	}
	if _, err := c.kv.Put(ctx, c.key(id), value); err != nil {
		return fmt.Errorf("keep verdict: %w", err)
	}
	return nil
}
