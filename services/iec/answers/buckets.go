package answers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	// buckets is how many there are. With ten million people one has 68 KB, which is what
	// a look-up of one person reads; with a million, 7 KB.
	buckets = 4096
	// readAtOnce is how many buckets are asked for with one request, 9 MB of ten million.
	readAtOnce = 128
)

// bucketOf returns the bucket of a person.
func bucketOf(k key) int { return int(k[0])<<4 | int(k[1])>>4 }

func nameOfBucket(n int) string { return fmt.Sprintf("b.%03x", n) }

// A bucket's value is a version, the epoch of the log, the sequence up to which it has the
// log's answers, and records in the order of their keys. Numbers are big-endian.
const (
	bucketVersion = 1
	bucketHead    = 1 + 8 + 8
	recordSize    = len(key{}) + 8 + len(saidID{})
)

// record is an answer in a bucket.
type record struct {
	person key
	at     int64
	said   saidID
}

// bucket is what a bucket holds.
type bucket struct {
	epoch int64
	seq   uint64
	list  []record
}

// checkBucket returns the records of a bucket's value, and what comes before.
func checkBucket(value []byte) (head bucket, all []byte, err error) {
	if len(value) < bucketHead || value[0] != bucketVersion || (len(value)-bucketHead)%recordSize != 0 {
		return head, nil, errors.New("a bucket of answers has a shape that this program does not know")
	}
	head.epoch = int64(binary.BigEndian.Uint64(value[1:]))
	head.seq = binary.BigEndian.Uint64(value[9:])
	return head, value[bucketHead:], nil
}

func parseRecord(b []byte) (r record) {
	n := copy(r.person[:], b)
	r.at = int64(binary.BigEndian.Uint64(b[n:]))
	copy(r.said[:], b[n+8:])
	return r
}

func parseBucket(value []byte) (bucket, error) {
	if len(value) == 0 {
		return bucket{}, nil
	}
	b, all, err := checkBucket(value)
	if err != nil {
		return bucket{}, err
	}
	b.list = make([]record, 0, len(all)/recordSize)
	for ; len(all) > 0; all = all[recordSize:] {
		b.list = append(b.list, parseRecord(all))
	}
	return b, nil
}

// encode returns the bucket's value. The records must be in order.
func (b bucket) encode() []byte {
	value := make([]byte, 0, bucketHead+len(b.list)*recordSize)
	value = append(value, bucketVersion)
	value = binary.BigEndian.AppendUint64(value, uint64(b.epoch))
	value = binary.BigEndian.AppendUint64(value, b.seq)
	for _, r := range b.list {
		value = append(value, r.person[:]...)
		value = binary.BigEndian.AppendUint64(value, uint64(r.at))
		value = append(value, r.said[:]...)
	}
	return value
}

// findRecord looks for a person in the records of a bucket.
func findRecord(all []byte, k key) (record, bool) {
	low, high := 0, len(all)/recordSize
	for low < high {
		mid := int(uint(low+high) >> 1)
		at := all[mid*recordSize:]
		switch c := bytes.Compare(at[:len(k)], k[:]); {
		case c == 0:
			return parseRecord(at), true
		case c < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	return record{}, false
}

// wanted is a person who is looked for, and the person's place in a list.
type wanted struct {
	key   key
	place int
}

// findInBuckets looks for people and calls found for each answer.
func (s *Store) findInBuckets(ctx context.Context, people []wanted, found func(place int, a Answer)) error {
	slices.SortFunc(people, func(a, b wanted) int { return bytes.Compare(a.key[:], b.key[:]) })
	var names []string
	var begin int
	flush := func(end int) error {
		err := s.findInSome(ctx, names, people[begin:end], found)
		names, begin = names[:0], end
		return err
	}
	last := -1
	for i, p := range people {
		if n := bucketOf(p.key); n != last {
			if len(names) == readAtOnce {
				if err := flush(i); err != nil {
					return err
				}
			}
			names, last = append(names, nameOfBucket(n)), n
		}
	}
	return flush(len(people))
}

// findInSome looks for people in the buckets of the given names.
func (s *Store) findInSome(ctx context.Context, names []string, people []wanted,
	found func(place int, a Answer)) error {
	values, err := s.verdicts.read(ctx, names)
	if err != nil {
		return err
	}
	type match struct {
		record
		place int
	}
	var matches []match
	var ids []saidID
	for len(people) > 0 {
		n := bucketOf(people[0].key)
		var all []byte
		if value := values[nameOfBucket(n)].Data; len(value) > 0 {
			if _, all, err = checkBucket(value); err != nil {
				return err
			}
		}
		for ; len(people) > 0 && bucketOf(people[0].key) == n; people = people[1:] {
			if r, ok := findRecord(all, people[0].key); ok {
				matches = append(matches, match{r, people[0].place})
				ids = append(ids, r.said)
			}
		}
	}
	if err := s.dictionary.load(ctx, ids); err != nil {
		return err
	}
	for _, m := range matches {
		said := s.dictionary.get(m.said)
		if said == nil {
			s.cfg.Logger.WarnContext(ctx, "a kept answer of the IEC lost its station in IEC_STATIONS; it is asked for again")
			continue
		}
		found(m.place, Answer{said: said, at: m.at})
	}
	return nil
}

// bucketKeys are the keys of a key-value bucket, read many at a time.
type bucketKeys struct {
	js   jetstream.JetStream
	name string
}

// read returns the values of keys. A key without a value has none.
func (b bucketKeys) read(ctx context.Context, keys []string) (map[string]jetstream.RawStreamMsg, error) {
	prefix := "$KV." + b.name + "."
	subjects := make([]string, len(keys))
	for i, k := range keys {
		subjects[i] = prefix + k
	}
	msgs, err := events.ReadLast(ctx, b.js, "KV_"+b.name, subjects)
	if err != nil {
		return nil, err
	}
	values := make(map[string]jetstream.RawStreamMsg, len(msgs))
	for _, m := range msgs {
		values[strings.TrimPrefix(m.Subject, prefix)] = *m
	}
	return values, nil
}

// errConflict means that another process has written the key meanwhile.
var errConflict = errors.New("another process was first")

// write replaces the value of a key that had the revision given, 0 for none. The error is
// errConflict where it has another by now.
func (b bucketKeys) write(ctx context.Context, key string, value []byte, revision uint64) error {
	_, err := b.js.Publish(ctx, "$KV."+b.name+"."+key, value, jetstream.WithExpectLastSequencePerSubject(revision))
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return errConflict
	}
	return err
}

// merge returns the bucket with the answers of the log that it does not have yet, and
// without those that are older than before. What a log of another epoch has is newer.
func (b bucket) merge(epoch int64, upTo uint64, news []foldedAnswer, before int64) (merged bucket, changed bool) {
	from := b.seq
	if b.epoch != epoch {
		from = 0
	}
	merged = bucket{epoch: epoch, seq: max(from, upTo)}
	list := make([]record, 0, len(b.list)+len(news))
	old := b.list
	for _, a := range news {
		if a.seq <= from {
			continue
		}
		for len(old) > 0 && bytes.Compare(old[0].person[:], a.person[:]) < 0 {
			list, old = append(list, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].person == a.person {
			old = old[1:]
		}
		changed = true
		if !a.forgotten {
			list = append(list, a.record)
		}
	}
	list = append(list, old...)
	merged.list = slices.DeleteFunc(list, func(r record) bool { return r.at < before })
	return merged, changed || len(merged.list) < len(b.list)
}

// foldedAnswer is an answer of the log on its way into a bucket.
type foldedAnswer struct {
	record
	seq       uint64
	forgotten bool
}

func compareAnswers(a, b foldedAnswer) int {
	return cmp.Or(cmp.Compare(bucketOf(a.person), bucketOf(b.person)), bytes.Compare(a.person[:], b.person[:]))
}
