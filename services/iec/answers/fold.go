package answers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	// foldAt is how many answers of the log are folded at once. They take 6 MB of memory;
	// a fold writes all buckets, so the more at once the fewer writes.
	foldAt = 50_000
	// foldEvery is how often all buckets are looked through for answers that are kept no
	// longer.
	foldEvery = time.Hour
	// writeAtOnce is how many keys are written at the same time.
	writeAtOnce = 16
)

// Run folds answers until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	sweep := time.NewTimer(rand.N(foldEvery / 4)) // replicas that start together take turns
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.log.full:
			s.tryFold(ctx, false)
		case <-sweep.C:
			s.tryFold(ctx, true)
			sweep.Reset(foldEvery/2 + rand.N(foldEvery))
		}
	}
}

func (s *Store) tryFold(ctx context.Context, all bool) {
	if err := s.Fold(ctx, all); err != nil && ctx.Err() == nil {
		s.cfg.Logger.WarnContext(ctx, "the IEC's answers stay in the log for now; nothing is lost", "err", err)
	}
}

// Fold moves the answers of the log into the buckets. With all, it goes through all of
// these, and removes answers older than events.VerdictsTTL.
//
// It may die at any moment, and several processes may do it at once: a bucket says up to
// which sequence it has the log's answers, and the log keeps them until all buckets do.
func (s *Store) Fold(ctx context.Context, all bool) error {
	s.folding.Lock()
	defer s.folding.Unlock()
	if err := s.log.catchUp(ctx); err != nil {
		return fmt.Errorf("fold answers: %w", err)
	}
	s.log.mu.Lock()
	epoch, upTo := s.log.epoch, s.log.state.applied
	tail := make([]foldedAnswer, 0, len(s.log.state.tail))
	answers := make([]Answer, 0, len(s.log.state.tail))
	for person, kept := range s.log.state.tail {
		if kept.seq > s.log.state.folded {
			tail = append(tail, foldedAnswer{record: record{person: person, at: kept.answer.at}, seq: kept.seq,
				forgotten: kept.answer.IsZero()})
			answers = append(answers, kept.answer)
		}
	}
	s.log.mu.Unlock()
	var ids []saidID
	for i, a := range answers {
		if !a.IsZero() {
			tail[i].said = s.dictionary.idOf(a.said)
			ids = append(ids, tail[i].said)
		}
	}
	if err := s.dictionary.store(ctx, ids, s.cfg.Now()); err != nil {
		return fmt.Errorf("fold answers: %w", err)
	}
	if err := s.foldBuckets(ctx, epoch, upTo, tail, all); err != nil {
		return fmt.Errorf("fold answers: %w", err)
	}
	if all {
		s.dictionary.forgetUnused(s.cfg.Now())
	}
	if len(tail) == 0 {
		return nil
	}
	return s.trim(ctx, epoch, upTo)
}

// trim removes the answers up to a sequence from the log, after all buckets have them, and
// the claims before the oldest that has not ended: whoever reads the log next would take
// claims for held whose answers are no longer there.
func (s *Store) trim(ctx context.Context, epoch int64, upTo uint64) error {
	if _, err := s.log.append(ctx, &request{folded: upTo}); err != nil {
		return fmt.Errorf("fold answers: %w", err)
	}
	s.log.mu.Lock()
	ended, same := upTo, s.log.epoch == epoch
	for _, held := range s.log.state.claims {
		ended = min(ended, held.seq-1)
	}
	s.log.mu.Unlock()
	if !same { // it has begun again: these sequences are not those that were folded
		return fmt.Errorf("fold answers: %w", errBegunAgain)
	}
	stream, err := s.js.Stream(ctx, events.StreamIEC)
	if err == nil {
		err = errors.Join(
			stream.Purge(ctx, jetstream.WithPurgeSubject(events.SubjectAnswers), jetstream.WithPurgeSequence(upTo+1)),
			stream.Purge(ctx, jetstream.WithPurgeSubject(events.SubjectClaims), jetstream.WithPurgeSequence(ended+1)))
	}
	if err != nil {
		return fmt.Errorf("fold answers: remove them from the log: %w", err)
	}
	return nil
}

// foldBuckets brings the buckets of the answers up to date, or all buckets.
func (s *Store) foldBuckets(ctx context.Context, epoch int64, upTo uint64, tail []foldedAnswer, all bool) error {
	slices.SortFunc(tail, compareAnswers)
	due := map[string][]foldedAnswer{}
	if all {
		for n := range buckets {
			due[nameOfBucket(n)] = nil
		}
	}
	for len(tail) > 0 {
		n, end := bucketOf(tail[0].person), 1
		for end < len(tail) && bucketOf(tail[end].person) == n {
			end++
		}
		due[nameOfBucket(n)], tail = tail[:end], tail[end:]
	}
	for names := range slices.Chunk(slices.Sorted(maps.Keys(due)), readAtOnce) {
		values, err := s.verdicts.read(ctx, names)
		if err != nil {
			return err
		}
		some := make(map[string][]foldedAnswer, len(names))
		for _, name := range names {
			some[name] = due[name]
		}
		err = inParallel(ctx, some, func(ctx context.Context, name string, news []foldedAnswer) error {
			return s.foldBucket(ctx, name, values[name], epoch, upTo, news)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// foldBucket brings a bucket, whose value was read just now, up to date.
func (s *Store) foldBucket(ctx context.Context, name string, before jetstream.RawStreamMsg, epoch int64, upTo uint64,
	news []foldedAnswer) error {
	for {
		b, err := parseBucket(before.Data)
		if err != nil {
			return err
		}
		if b.epoch == epoch && b.seq > upTo {
			rewound, err := s.isRewound(ctx, b.seq)
			if err != nil {
				return err
			}
			if rewound {
				b.epoch = 0
			}
		}
		merged, changed := b.merge(epoch, upTo, news, s.cfg.Now().Add(-events.VerdictsTTL).UnixNano())
		if !changed {
			return nil
		}
		err = s.verdicts.write(ctx, name, merged.encode(), before.Sequence)
		if err == nil || !errors.Is(err, errConflict) {
			return err
		}
		values, err := s.verdicts.read(ctx, []string{name})
		if err != nil {
			return err
		}
		before = values[name]
	}
}

// isRewound reports whether the log ends before a sequence that a bucket knows: it was
// restored from a backup. Then the bucket's sequence says nothing.
func (s *Store) isRewound(ctx context.Context, seq uint64) (bool, error) {
	stream, err := s.js.Stream(ctx, events.StreamIEC)
	if err != nil {
		return false, err
	}
	return stream.CachedInfo().State.LastSeq < seq, nil
}

// inParallel calls f for each key, several at once. It returns the first error.
func inParallel[T any](ctx context.Context, work map[string]T, f func(context.Context, string, T) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	free := make(chan struct{}, writeAtOnce)
	var wg sync.WaitGroup
	for _, name := range slices.Sorted(maps.Keys(work)) {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-free }()
			if err := f(ctx, name, work[name]); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
