package answers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// Everybody of a voting district gets the same answer, but for the time. The dictionary
// has each such answer once, under a hash of it.
//
// There are about 23,000 voting districts. A group, which is a key of events.KVStations, has
// those whose hashes begin with the same ten bits.

const (
	// usedAgain is how old the note may be that an answer was used.
	usedAgain = 24 * time.Hour
	// unusedFor is after how long without use an answer is dropped: nothing in the
	// buckets can refer to it any more.
	unusedFor = events.VerdictsTTL + 2*usedAgain
)

// saidID is the hash of what the IEC has said, without whom about and when.
type saidID [8]byte

// MarshalText implements encoding.TextMarshaler.
func (id saidID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *saidID) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return errors.New("not the hash of an answer")
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// group returns the key of events.KVStations that has it.
func (id saidID) group() string { return fmt.Sprintf("s.%03x", int(id[0])<<2|int(id[1])>>6) }

// said is what the IEC has said about many people.
type said struct {
	ID      saidID           `json:"id"`
	Verdict *records.Verdict `json:"verdict"`
	// Used is when a bucket last came to refer to it, to a day; zero while none does.
	Used time.Time `json:"used"`
}

// dictionary is what this process knows of the answers that people have in common.
type dictionary struct {
	keys bucketKeys

	mu    sync.Mutex
	known map[saidID]*said
	ids   map[records.Verdict]saidID // of those in known
}

// intern returns what is said in v, without number and time. Equal ones are the same.
func (d *dictionary) intern(v *records.Verdict) *records.Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	bare := *v
	bare.N, bare.At = 0, time.Time{}
	if id, ok := d.ids[bare]; ok {
		return d.known[id].Verdict
	}
	return d.add(&said{ID: hashSaid(bare), Verdict: &bare}).Verdict
}

// add is for the holder of mu.
func (d *dictionary) add(s *said) *said {
	if known, ok := d.known[s.ID]; ok {
		if s.Used.After(known.Used) {
			known.Used = s.Used
		}
		return known
	}
	if d.ids == nil {
		d.ids = map[records.Verdict]saidID{}
	}
	d.known[s.ID], d.ids[*s.Verdict] = s, s.ID
	return s
}

func hashSaid(v records.Verdict) (id saidID) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(text)
	copy(id[:], sum[:])
	return id
}

// idOf returns the hash of what intern returned.
func (d *dictionary) idOf(v *records.Verdict) saidID {
	d.intern(v) // it may have been dropped
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ids[*v]
}

// get returns what is said under a hash; nil where that is not known.
func (d *dictionary) get(id saidID) *records.Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.known[id]; s != nil {
		return s.Verdict
	}
	return nil
}

// load reads the groups of those hashes that are not known.
func (d *dictionary) load(ctx context.Context, ids []saidID) error {
	var names []string
	d.mu.Lock()
	for _, id := range ids {
		if d.known[id] == nil {
			names = append(names, id.group())
		}
	}
	d.mu.Unlock()
	slices.Sort(names)
	for some := range slices.Chunk(slices.Compact(names), readAtOnce) {
		values, err := d.keys.read(ctx, some)
		if err != nil {
			return err
		}
		for _, m := range values {
			list, err := parseGroup(m.Data)
			if err != nil {
				return err
			}
			d.mu.Lock()
			for _, s := range list {
				d.add(s)
			}
			d.mu.Unlock()
		}
	}
	return nil
}

// store sees to it that the groups have what these hashes stand for, and that it stays.
func (d *dictionary) store(ctx context.Context, ids []saidID, now time.Time) error {
	due := map[string][]saidID{}
	d.mu.Lock()
	for _, id := range ids {
		if s := d.known[id]; s == nil {
			d.mu.Unlock()
			return errors.New("an answer refers to what is not known")
		} else if now.Sub(s.Used) > usedAgain {
			due[id.group()] = append(due[id.group()], id)
		}
	}
	d.mu.Unlock()
	return inParallel(ctx, due, func(ctx context.Context, name string, ids []saidID) error {
		return d.storeGroup(ctx, name, ids, now)
	})
}

// storeGroup adds to a group, and drops what nothing refers to.
func (d *dictionary) storeGroup(ctx context.Context, name string, ids []saidID, now time.Time) error {
	for {
		values, err := d.keys.read(ctx, []string{name})
		if err != nil {
			return err
		}
		before := values[name]
		var list []*said
		if len(before.Data) > 0 {
			if list, err = parseGroup(before.Data); err != nil {
				return err
			}
		}
		list = slices.DeleteFunc(list, func(s *said) bool {
			return slices.Contains(ids, s.ID) || now.Sub(s.Used) > unusedFor
		})
		for _, id := range ids {
			list = append(list, &said{ID: id, Verdict: d.get(id), Used: now})
		}
		value, err := encodeGroup(list)
		if err != nil {
			return err
		}
		err = d.keys.write(ctx, name, value, before.Sequence)
		if errors.Is(err, errConflict) {
			continue
		}
		if err != nil {
			return fmt.Errorf("store what answers have in common: %w", err)
		}
		d.mu.Lock()
		for _, s := range list {
			d.add(s)
		}
		d.mu.Unlock()
		return nil
	}
}

// forgetUnused drops from memory what was not used for long.
func (d *dictionary) forgetUnused(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, s := range d.known {
		if !s.Used.IsZero() && now.Sub(s.Used) > unusedFor {
			delete(d.known, id)
			delete(d.ids, *s.Verdict)
		}
	}
}

var (
	groupWriter, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(256<<10),
		zstd.WithLowerEncoderMem(true))
	groupReader, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
)

func encodeGroup(list []*said) ([]byte, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return groupWriter.EncodeAll(text, nil), nil
}

func parseGroup(value []byte) (list []*said, err error) {
	text, err := groupReader.DecodeAll(value, nil)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read what answers have in common: %w", err)
	}
	return list, nil
}
