package iec

import (
	"cmp"
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

// How long an answer stays fresh where nobody says otherwise.
const (
	DefaultRegistered    = 24 * time.Hour
	DefaultNotRegistered = time.Hour
)

// CacheConfig says how long an answer of the IEC stays fresh.
type CacheConfig struct {
	// Key is the secret that ID numbers are hashed with; without it anybody could
	// try out the few possible ID numbers. It must not be empty, and all replicas
	// need the same.
	Key string
	// Registered is the age up to which the answer about a registered, deceased or
	// international person is used again; 0 means DefaultRegistered. The maximum is
	// events.VerdictsTTL, which is how long answers are kept.
	Registered time.Duration
	// NotRegistered is the same for people who are not registered, and may register
	// any day; 0 means DefaultNotRegistered.
	NotRegistered time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Cache keeps the IEC's answers as they arrive, so that nobody is asked about
// twice. Keys are HMACs: no ID number becomes a subject.
type Cache struct {
	kv     jetstream.KeyValue
	js     jetstream.JetStream
	stream string // the stream behind kv
	prefix string // what the stream's subjects begin with
	claims claims
	cfg    CacheConfig
}

// NewCache returns the cache in the bucket verdicts, whose stream js can read. The
// bucket claimed says who is being asked about at the moment; nil suffices for
// whoever only reads and forgets answers.
func NewCache(js jetstream.JetStream, verdicts, claimed jetstream.KeyValue, cfg CacheConfig) (*Cache, error) {
	if cfg.Key == "" {
		return nil, errors.New("iec cache: Key must not be empty")
	}
	cfg.Registered = cmp.Or(cfg.Registered, DefaultRegistered)
	cfg.NotRegistered = cmp.Or(cfg.NotRegistered, DefaultNotRegistered)
	for name, age := range map[string]time.Duration{
		"Registered": cfg.Registered, "NotRegistered": cfg.NotRegistered,
	} {
		if age < 0 || age > events.VerdictsTTL {
			return nil, fmt.Errorf("iec cache: %s must be 0 to %s, not %s", name, events.VerdictsTTL, age)
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

// keyBytes is how much of the HMAC names a person. No two of ten million people
// share it, and it is short because the server keeps an index of all keys in
// memory.
const keyBytes = 16

func (c *Cache) hashID(id string) string {
	mac := hmac.New(sha256.New, []byte(c.cfg.Key))
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:keyBytes])
}

// Get returns an answer that is fresh enough for a job uploaded at since. An answer
// given after since is, however old: the job itself may have asked before a pause
// of hours.
func (c *Cache) Get(ctx context.Context, id string, since time.Time) (v records.Verdict, ok bool, err error) {
	entry, err := c.kv.Get(ctx, c.hashID(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("read verdict: %w", err)
	}
	return c.parseFresh(entry.Value(), since)
}

func (c *Cache) parseFresh(value []byte, since time.Time) (v records.Verdict, ok bool, err error) {
	if err := records.Parse(value, &v); err != nil {
		return v, false, fmt.Errorf("read verdict: %w", err)
	}
	return v, !v.At.Before(since) || c.cfg.Now().Sub(v.At) < c.freshFor(v), nil
}

// freshFor returns how long an answer is used.
func (c *Cache) freshFor(v records.Verdict) time.Duration {
	if v.Status == records.NotRegistered {
		return c.cfg.NotRegistered
	}
	return c.cfg.Registered
}

// outlivesClaims reports whether an answer is still fresh when the claim under which it
// was asked for has ended by itself.
func (c *Cache) outlivesClaims(v records.Verdict) bool {
	return v.Status != records.Unverified && c.freshFor(v) > 2*events.ClaimTTL
}

// GetMany is Get for up to events.MaxLast people at once; the answers are by ID
// number. A person without an answer here may have one all the same.
func (c *Cache) GetMany(ctx context.Context, ids []string, since time.Time) (map[string]records.Verdict, error) {
	byKey := make(map[string]string, len(ids))
	subjects := make([]string, len(ids))
	for i, id := range ids {
		key := c.hashID(id)
		byKey[key], subjects[i] = id, c.prefix+key
	}
	msgs, err := events.ReadLast(ctx, c.js, c.stream, subjects)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	found := make(map[string]records.Verdict, len(msgs))
	for _, m := range msgs {
		v, ok, err := c.parseFresh(m.Data, since)
		if err != nil {
			return nil, err
		}
		if ok {
			found[byKey[strings.TrimPrefix(m.Subject, c.prefix)]] = v
		}
	}
	return found, nil
}

// GetAnyAge returns the answer that is kept about a person, however old; nil for
// none.
func (c *Cache) GetAnyAge(ctx context.Context, id string) (*records.Verdict, error) {
	entry, err := c.kv.Get(ctx, c.hashID(id))
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

// Forget removes the answer about a person, if there is one.
func (c *Cache) Forget(ctx context.Context, id string) error {
	if err := c.kv.Purge(ctx, c.hashID(id)); err != nil {
		return fmt.Errorf("remove verdict: %w", err)
	}
	return nil
}

// claim returns the right to ask about a person for a job; nil while another job
// asks.
func (c *Cache) claim(ctx context.Context, id, job string) (*claim, error) {
	return c.claims.acquire(ctx, c.hashID(id), job)
}

// Put keeps an answer. It ignores unverified, which is no answer.
func (c *Cache) Put(ctx context.Context, id string, v records.Verdict) error {
	if v.Status == records.Unverified {
		return nil
	}
	v.N = 0
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store verdict: %w", err)
	}
	if _, err := c.kv.Put(ctx, c.hashID(id), value); err != nil {
		return fmt.Errorf("store verdict: %w", err)
	}
	return nil
}
