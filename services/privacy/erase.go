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
}

// searchJobs searches the log and all jobs that have ended. With early, it searches
// those that have been validated as well.
func (s *searcher) searchJobs(ctx context.Context, p *subject, early bool) (*knowledge, error) {
	k := &knowledge{found: map[string]*found{}, busy: []string{}, unread: []string{}}
	var err error
	if k.jobs, err = readJobs(ctx, s.cfg, func(m *jetstream.RawStreamMsg) { k.inLog.add(p.namedIn(m)...) }); err != nil {
		return nil, err
	}
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
	done = newResult()
	began := s.cfg.Now()
	k, err := s.searchJobs(ctx, p, false)
	if err != nil {
		return done, err
	}
	done.Busy, done.Unread = k.busy, k.unread
	remains, possible := k.inLog, places{}
	// An undo job shares artifacts with the job that it undoes. Both get the same
	// replacement.
	replaced := map[events.Artifact]events.Artifact{}
	touched := map[string]bool{}
	for _, id := range sortedIDs(k.jobs) {
		f := k.found[id]
		if f == nil {
			continue
		}
		possible.add(f.possible(id)...)
		if !f.hasAny() {
			continue
		}
		done.Jobs = append(done.Jobs, id)
		done.Mentions += len(f.mentions)
		if err := s.writeAudit(ctx, c, id, events.AccessErasure); err != nil {
			return done, err
		}
		now, err := s.replaceArtifacts(ctx, k.jobs[id], f, p, replaced)
		if errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrNotAllowed) {
			done.Busy = append(done.Busy, id) // somebody retries it
			continue
		}
		if err != nil {
			return done, fmt.Errorf("job %s: %w", id, err)
		}
		k.jobs[id], touched[id] = now, true
		again, err := s.search(ctx, now, p)
		if err != nil {
			return done, fmt.Errorf("job %s: %w", id, err)
		}
		again.claim(p)
		remains.add(again.places(id)...)
	}
	if err := s.removeUnnamedObjects(ctx, k.jobs, &Swept{}); err != nil {
		return done, err
	}
	if err := s.removeLeftovers(ctx, k.jobs, touched, began); err != nil {
		return done, err
	}
	tables, err := s.deleteRows(ctx, k.jobs, p, &done)
	if err != nil {
		return done, err
	}
	remains.add(tables.named.list...)
	possible.add(tables.mayBe.list...)
	if err := s.erasePartials(ctx, p, &done); err != nil {
		return done, err
	}
	if len(k.uploads) > 0 {
		remains.add(cases.Place{Where: "events, the person's own uploads", Count: len(k.uploads)})
	}
	if s.cfg.ForgetAnswer != nil {
		if err := s.cfg.ForgetAnswer(ctx, p.id); err != nil {
			return done, err
		}
		done.Answer = true
	} else {
		remains.add(cases.Place{Where: "the IEC's answers, until they expire"})
	}
	done.Remains, done.Possible = append(done.Remains, remains.list...), append(done.Possible, possible.list...)
	done.More = remains.more + possible.more + tables.named.more + tables.mayBe.more
	done.Gone = len(done.Remains)+len(done.Possible)+done.More+len(done.Busy)+len(done.Unread) == 0
	return done, nil
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
