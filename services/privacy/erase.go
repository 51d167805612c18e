package privacy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/cases"
)

// newResult returns a result without anything in it.
func newResult() cases.Result {
	return cases.Result{Jobs: []string{}, Remains: []cases.Place{}, Possible: []cases.Place{}, Busy: []string{},
		Unread: []string{}}
}

// knowledge is what one pass over everything has found of a person.
type knowledge struct {
	jobs    map[string]*events.Job
	found   map[string]*found // by job, of those that could be searched
	inLog   places            // events that name the person
	uploads []string          // jobs that the person has uploaded
	busy    []string
	unread  []string
	last    uint64 // the last sequence of the log that was read
}

// searchJobs searches the log after a sequence and all jobs with an event there that have
// ended. From the beginning, it leaves out those that the index of people says do not name
// the person. With early, it searches those that have been validated as well.
func (s *searcher) searchJobs(ctx context.Context, p *subject, after uint64, early bool) (*knowledge, error) {
	k := &knowledge{found: map[string]*found{}, busy: []string{}, unread: []string{}}
	var read jobsRead
	var err error
	if after == 0 && s.cfg.Key != nil {
		read, err = s.readSuspects(ctx, p, &k.inLog)
	} else {
		read, err = readJobs(ctx, s.cfg, after, func(m *jetstream.RawStreamMsg) { k.inLog.add(p.namedIn(m)...) })
	}
	if err != nil {
		return nil, err
	}
	k.jobs, k.last = read.jobs, read.last
	k.unread = append(k.unread, read.newer...)
	for _, id := range sortedIDs(k.jobs) {
		job := k.jobs[id]
		if p.isUploader(job.Owner.ID) {
			k.uploads = append(k.uploads, id)
		}
		if !job.Ended() && !(early && job.Validated != nil) {
			k.busy = append(k.busy, id)
			continue
		}
		f, err := s.search(ctx, job, p)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", id, err)
		}
		if len(f.unread) > 0 {
			k.unread = append(k.unread, id)
		}
		k.found[id] = f
	}
	// All names are known only now.
	for _, f := range k.found {
		f.claim(p)
	}
	return k, nil
}

// erase removes a person from tables, artifacts and files, once. Each job that named
// the person gets new artifacts, a new report made from them, and an erased event. An
// upload is removed as a whole, because nobody can tell what else a spreadsheet says
// about a person. Figures and other events stay. It may be repeated at any time.
//
// Only an objection that was stored before makes sure that no job that is under way
// brings the person back: jobs that have not ended are in Busy, and another pass after
// their end finds what they wrote.
func (s *Service) erase(ctx context.Context, c *cases.Case, p *subject) (done cases.Result, err error) {
	e := erasure{Service: s, c: c, p: p, done: newResult(), began: s.cfg.Now(), jobs: map[string]*events.Job{},
		busy: map[string]bool{}, unread: map[string]bool{}, uploads: map[string]bool{},
		replaced: map[events.Artifact]events.Artifact{}, touched: map[string]bool{}}
	// What is uploaded, or ends, while this searches is searched as well.
	for after, rounds := uint64(0), 0; ; rounds++ {
		k, err := s.searchJobs(ctx, p, after, false)
		if err != nil {
			return e.done, err
		}
		if err := e.take(ctx, k, rounds == mostRounds); err != nil {
			return e.done, err
		}
		if k.last == after || rounds == mostRounds {
			break
		}
		after = k.last
	}
	return e.finish(ctx)
}

// mostRounds is how often an erasure looks at what has happened since it last looked. What
// happens after that is busy: another pass sees to it.
const mostRounds = 5

// erasure is one pass of an erasure.
type erasure struct {
	*Service
	c     *cases.Case
	p     *subject
	done  cases.Result
	began time.Time

	jobs                  map[string]*events.Job
	busy, unread, uploads map[string]bool
	remains, possible     places
	// replaced maps old artifacts to new ones. An undo job shares artifacts with the job
	// that it undoes. Both get the same replacement.
	replaced map[events.Artifact]events.Artifact
	touched  map[string]bool
}

// take erases the person from the jobs that a search has looked at. If it was the last
// search, jobs that were seen before and have changed are busy.
func (e *erasure) take(ctx context.Context, k *knowledge, last bool) error {
	e.remains.add(k.inLog.list...)
	e.remains.more += k.inLog.more
	for _, id := range k.uploads {
		e.uploads[id] = true
	}
	for _, id := range k.unread {
		e.unread[id] = true
	}
	for _, id := range sortedIDs(k.jobs) {
		if was := e.jobs[id]; was != nil && was.Seq == k.jobs[id].Seq {
			continue // the newest event is of this pass
		}
		delete(e.busy, id)
		e.jobs[id] = k.jobs[id]
		f := k.found[id]
		if f == nil || last {
			e.busy[id] = true
		}
		if f == nil {
			continue
		}
		if err := e.eraseFrom(ctx, id, f); err != nil {
			return err
		}
	}
	return nil
}

// eraseFrom erases the person from a job.
func (e *erasure) eraseFrom(ctx context.Context, id string, f *found) error {
	e.possible.add(f.possible(id)...)
	if !f.hasAny() {
		return nil
	}
	if !slices.Contains(e.done.Jobs, id) {
		e.done.Jobs = append(e.done.Jobs, id)
	}
	e.done.Mentions += len(f.mentions)
	if err := e.writeAudit(ctx, e.c, id, events.AccessErasure); err != nil {
		return err
	}
	now, err := e.replaceArtifacts(ctx, e.jobs[id], f, e.p, e.replaced)
	if errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrNotAllowed) {
		e.busy[id] = true // somebody retries it
		return nil
	}
	if err != nil {
		return fmt.Errorf("job %s: %w", id, err)
	}
	e.jobs[id], e.touched[id] = now, true
	again, err := e.search(ctx, now, e.p)
	if err != nil {
		return fmt.Errorf("job %s: %w", id, err)
	}
	again.claim(e.p)
	e.remains.add(again.places(id)...)
	return nil
}

// finish removes the person from everything that is not in a job, and what the jobs no
// longer name.
func (e *erasure) finish(ctx context.Context) (cases.Result, error) {
	done := &e.done
	if err := e.removeAllErased(ctx); err != nil {
		return *done, err
	}
	if err := e.removeLeftovers(ctx, e.jobs, e.touched, e.began); err != nil {
		return *done, err
	}
	tables, err := e.deleteRows(ctx, e.jobs, e.p, done)
	if err != nil {
		return *done, err
	}
	e.remains.add(tables.named.list...)
	e.possible.add(tables.mayBe.list...)
	if err := e.erasePartials(ctx, e.p, done); err != nil {
		return *done, err
	}
	if len(e.uploads) > 0 {
		e.remains.add(cases.Place{Where: "events, the person's own uploads", Count: len(e.uploads)})
	}
	if e.cfg.ForgetAnswer != nil {
		if err := e.cfg.ForgetAnswer(ctx, e.p.id); err != nil {
			return *done, err
		}
		done.Answer = true
	} else {
		e.remains.add(cases.Place{Where: "the IEC's answers, until they expire"})
	}
	done.Busy = append(done.Busy, slices.Sorted(maps.Keys(e.busy))...)
	done.Unread = append(done.Unread, slices.Sorted(maps.Keys(e.unread))...)
	done.Remains, done.Possible = append(done.Remains, e.remains.list...), append(done.Possible, e.possible.list...)
	done.More = e.remains.more + e.possible.more + tables.named.more + tables.mayBe.more
	done.Gone = len(done.Remains)+len(done.Possible)+done.More+len(done.Busy)+len(done.Unread) == 0
	return *done, nil
}

func (s *Service) erasePartials(ctx context.Context, p *subject, done *cases.Result) error {
	uploads, err := s.searchPartials(ctx, p)
	if err != nil {
		return err
	}
	done.Unfinished = len(uploads)
	return s.removePartials(ctx, uploads)
}

// removeLeftovers removes what no fact names of the touched jobs: artifacts of
// abandoned attempts, and copies that can be made again. Such objects may name the
// person too. What is newer than before stays, for a retry may need it.
func (s *Service) removeLeftovers(ctx context.Context, jobs map[string]*events.Job, touched map[string]bool,
	before time.Time) error {
	if len(touched) == 0 {
		return nil
	}
	named := map[string]bool{}
	for _, job := range jobs {
		for _, a := range job.Artifacts() {
			named[a.Bucket+" "+a.Name] = true
		}
	}
	for _, bucket := range events.ObjectBuckets() {
		for o, err := range s.cfg.Store.Objects(ctx, bucket) {
			if err != nil {
				return err
			}
			if !touched[o.JobID()] || named[bucket+" "+o.Name] || !o.At.Before(before) {
				continue
			}
			if err := s.cfg.Store.Remove(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedIDs(jobs map[string]*events.Job) []string { return slices.Sorted(maps.Keys(jobs)) }
