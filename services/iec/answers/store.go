package answers

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"math"
	"sync"
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

// Config says how long an answer of the IEC stays fresh.
type Config struct {
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
	// Logger hears of what could not be folded; nil discards.
	Logger *slog.Logger
}

// Store is the answers and claims as one process knows them. It reads and writes NATS when
// it is first used, so it can be opened before NATS answers. It is safe for concurrent use.
type Store struct {
	js   jetstream.JetStream
	cfg  Config
	macs sync.Pool // of hash.Hash

	log                *sharedLog
	verdicts, stations bucketKeys
	dictionary         dictionary
	folding            sync.Mutex
}

// Open returns the store that js can read and write. Close it when it is used no longer.
func Open(js jetstream.JetStream, cfg Config) (*Store, error) {
	if cfg.Key == "" {
		return nil, errors.New("iec answers: Key must not be empty")
	}
	cfg.Registered = cmp.Or(cfg.Registered, DefaultRegistered)
	cfg.NotRegistered = cmp.Or(cfg.NotRegistered, DefaultNotRegistered)
	for name, age := range map[string]time.Duration{
		"Registered": cfg.Registered, "NotRegistered": cfg.NotRegistered,
	} {
		if age < 0 || age > events.VerdictsTTL {
			return nil, fmt.Errorf("iec answers: %s must be 0 to %s, not %s", name, events.VerdictsTTL, age)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger)
	s := &Store{
		js: js, cfg: cfg,
		verdicts: bucketKeys{js, events.KVVerdicts}, stations: bucketKeys{js, events.KVStations},
	}
	s.macs.New = func() any { return hmac.New(sha256.New, []byte(cfg.Key)) }
	s.dictionary = dictionary{keys: s.stations, known: map[saidID]*said{}}
	s.log = newLog(js, cfg.Now, s.dictionary.intern)
	return s, nil
}

// Close ends what the store does in the background. What was not stored by then fails.
func (s *Store) Close() {
	s.log.stop()
	s.log.work.Wait()
}

// key names a person: the beginning of an HMAC of the ID number. No two of ten million
// people share one (the chance is below one in a hundred trillion).
type key [12]byte

func (s *Store) keyOf(id string) (k key) {
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(id))
	var sum [sha256.Size]byte
	copy(k[:], mac.Sum(sum[:0]))
	return k
}

// Hash returns the name under which the store knows a person.
func (s *Store) Hash(id string) string { return s.keyOf(id).String() }

func (k key) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// MarshalText implements encoding.TextMarshaler.
func (k key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *key) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(raw) != len(k) {
		return errors.New("not the hash of a person")
	}
	copy(k[:], raw)
	return nil
}

// Answer is what the IEC has said about a person. The zero Answer is none.
type Answer struct {
	said *records.Verdict // without number and time; shared, so it is never changed
	at   int64            // Unix nanoseconds
}

// IsZero reports whether there is no answer.
func (a Answer) IsZero() bool { return a.said == nil }

// Verdict returns the answer as the verdict of row n.
func (a Answer) Verdict(n int) records.Verdict {
	v := *a.said
	v.N, v.At = n, time.Unix(0, a.at).UTC()
	return v
}

// ifFresh returns the answer if it may be used for a job uploaded at since: it is young, or
// given after since, however old. The job itself may have asked before a pause of hours.
func (s *Store) ifFresh(a Answer, since time.Time) Answer {
	if a.said == nil {
		return a
	}
	at := time.Unix(0, a.at)
	age := s.cfg.Now().Sub(at)
	if age >= events.VerdictsTTL || at.Before(since) && age >= s.freshFor(a.said.Status) {
		return Answer{}
	}
	return a
}

// freshFor returns how long an answer is used.
func (s *Store) freshFor(status records.VerdictStatus) time.Duration {
	if status == records.NotRegistered {
		return s.cfg.NotRegistered
	}
	return s.cfg.Registered
}

// Seen says which answers a look-up took into account, see Get.
type Seen uint64

// Unseen is what a look-up that failed took into account.
const Unseen Seen = math.MaxUint64

// GetMany looks for answers that are fresh enough for a job uploaded at since. They are in
// the order of ids, the zero Answer where there is none. It costs a request for each 128
// buckets, so many people are best looked for at once.
func (s *Store) GetMany(ctx context.Context, ids []string, since time.Time) ([]Answer, Seen, error) {
	if err := s.log.catchUp(ctx); err != nil {
		return nil, Unseen, fmt.Errorf("read answers: %w", err)
	}
	list := make([]Answer, len(ids))
	people := make([]wanted, len(ids))
	for i, id := range ids {
		people[i] = wanted{key: s.keyOf(id), place: i}
	}
	missing := people[:0]
	s.log.mu.Lock()
	seen := Seen(s.log.state.dropped)
	for _, p := range people {
		if a, ok := s.log.state.tail[p.key]; ok {
			list[p.place] = s.ifFresh(a.answer, since)
			continue
		}
		missing = append(missing, p)
	}
	s.log.mu.Unlock()
	err := s.findInBuckets(ctx, missing, func(i int, a Answer) { list[i] = s.ifFresh(a, since) })
	if err != nil {
		return nil, Unseen, fmt.Errorf("read answers: %w", err)
	}
	return list, seen, nil
}

// Get is GetMany for one person whom it had no answer about, where seen is what it returned.
// It finds what this process has heard of since, and asks NATS only if that may not be all.
// After Claim it is all.
func (s *Store) Get(ctx context.Context, id string, since time.Time, seen Seen) (Answer, error) {
	k := s.keyOf(id)
	s.log.mu.Lock()
	a, ok := s.log.state.tail[k]
	complete := Seen(s.log.state.dropped) == seen
	s.log.mu.Unlock()
	if ok || complete {
		return s.ifFresh(a.answer, since), nil
	}
	kept, err := s.findInBucket(ctx, k)
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return s.ifFresh(kept, since), nil
}

// GetAnyAge returns the answer that is kept about a person, however old; nil for none.
func (s *Store) GetAnyAge(ctx context.Context, id string) (*records.Verdict, error) {
	if err := s.log.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	k := s.keyOf(id)
	s.log.mu.Lock()
	kept, ok := s.log.state.tail[k]
	s.log.mu.Unlock()
	a := kept.answer
	if !ok {
		var err error
		if a, err = s.findInBucket(ctx, k); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
	}
	if a.IsZero() {
		return nil, nil
	}
	v := a.Verdict(0)
	return &v, nil
}

// findInBucket returns the answer about a person who is not in the tail of the log.
func (s *Store) findInBucket(ctx context.Context, k key) (a Answer, err error) {
	err = s.findInBuckets(ctx, []wanted{{key: k}}, func(_ int, found Answer) { a = found })
	return a, err
}

// Put keeps an answer, and ends the claim on the person. It ignores unverified, which is no
// answer. When it returns without an error the answer is on the disk.
func (s *Store) Put(ctx context.Context, id string, v records.Verdict) error {
	if v.Status == records.Unverified {
		return nil
	}
	_, err := s.log.append(ctx, &request{answer: &answered{Person: s.keyOf(id), Verdict: &v}})
	if err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}

// Forget removes the answer about a person, if there is one, from the log and the buckets.
func (s *Store) Forget(ctx context.Context, id string) error {
	if _, err := s.log.append(ctx, &request{answer: &answered{Person: s.keyOf(id)}}); err != nil {
		return fmt.Errorf("remove answer: %w", err)
	}
	if err := s.Fold(ctx, false); err != nil {
		return fmt.Errorf("remove answer: %w", err)
	}
	return nil
}
