package privacy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/spelling"
)

// The table job_people says who may be in which job that has ended, by keyed hashes. Each
// row has the hashes of all numbers that a search of the job would look at. A job without
// a row is searched in any case. The table is worth nothing without the key, and can be
// dropped.

// mostPeople is how many hashes a job has at most. One with more is not in the index.
const mostPeople = 1 << 20

// indexEvery is how often jobs that have ended are added to the index.
const indexEvery = time.Minute

// finder finds a person in a text. A *spelling.Finder does, and a collector.
type finder interface {
	Find(text string) spelling.Match
	Blank(text string, names []string) (string, bool)
}

// collector is a finder that finds nobody and notes who could be found.
type collector struct{ keys map[string]struct{} }

// Find notes the keys of a text.
func (c *collector) Find(text string) spelling.Match {
	for key := range spelling.KeysOf(text) {
		c.keys[key] = struct{}{}
	}
	return spelling.None
}

// Blank changes nothing.
func (c *collector) Blank(text string, _ []string) (string, bool) { return text, false }

// ownerKey is the key of a job's owner, whose token may have the ID number.
func ownerKey(user string) string { return "o" + user }

// nobody is no ID number.
const nobody = "-"

// hashOf returns what stands for a key in the index.
func (s *searcher) hashOf(key string) int64 {
	return s.cfg.Key.HashInJobs(key)
}

// keyCheck tells the index of one key from that of another.
func (s *searcher) keyCheck() int64 { return s.cfg.Key.JobsCheck() }

// hashesOf returns what the index may have of a person.
func (s *searcher) hashesOf(p *subject) (list []int64) {
	list = append(list, s.hashOf(ownerKey(p.id)), s.hashOf(ownerKey(events.UserID(p.id))))
	for key := range spelling.New(p.id).Keys() {
		list = append(list, s.hashOf(key))
	}
	return list
}

// indexPeople adds the jobs that have ended to the index of people.
func (s *Service) indexPeople(ctx context.Context) error {
	if err := s.index(ctx); err != nil {
		return err
	}
	var jobs []struct {
		ID      string    `db:"job_id"`
		EndedAt time.Time `db:"ended_at"`
	}
	if err := s.cfg.DB.SelectContext(ctx, &jobs, `SELECT job_id, ended_at FROM job_retention r
WHERE ended_at IS NOT NULL AND NOT EXISTS (SELECT FROM job_people p
  WHERE p.job_id = r.job_id AND p.ended_at = r.ended_at AND p.key_check = $1) ORDER BY ended_at DESC`,
		s.keyCheck()); err != nil {
		return fmt.Errorf("index people: %w", err)
	}
	for _, job := range jobs {
		if err := s.indexPeopleOf(ctx, job.ID, job.EndedAt); err != nil {
			return fmt.Errorf("index people of job %s: %w", job.ID, err)
		}
	}
	return nil
}

// indexPeopleOf adds a job to the index, unless part of it cannot be read.
func (s *Service) indexPeopleOf(ctx context.Context, id string, endedAt time.Time) error {
	job, err := s.loadJob(ctx, id)
	if err != nil || job == nil || !job.Ended() || !job.UpdatedAt.Round(time.Microsecond).Equal(endedAt) {
		return err // it goes on, and comes again
	}
	c := &collector{keys: map[string]struct{}{ownerKey(job.Owner.ID): {}}}
	p := &subject{id: nobody, finder: c}
	f, err := s.search(ctx, job, p)
	if err != nil || len(f.unread) > 0 || len(c.keys) > mostPeople {
		return err
	}
	if _, err := s.placesInLog(ctx, id, p); err != nil {
		return err
	}
	hashes := make([]int64, 0, len(c.keys))
	for key := range c.keys {
		hashes = append(hashes, s.hashOf(key))
	}
	slices.Sort(hashes)
	_, err = s.cfg.DB.ExecContext(ctx, `INSERT INTO job_people (job_id, ended_at, key_check, people)
SELECT job_id, ended_at, $3, $4 FROM job_retention WHERE job_id = $1 AND ended_at = $2
ON CONFLICT (job_id) DO UPDATE SET ended_at = excluded.ended_at, key_check = excluded.key_check,
  people = excluded.people`, id, endedAt, s.keyCheck(), pq.Array(hashes))
	return err
}

// forgetPeople removes a job from the index. It is searched until it is there again.
func (s *sweeper) forgetPeople(ctx context.Context, id string) error {
	if _, err := s.cfg.DB.ExecContext(ctx, `DELETE FROM job_people WHERE job_id = $1`, id); err != nil {
		return fmt.Errorf("forget who is in a job: %w", err)
	}
	return nil
}

// listSuspects returns the jobs that may name one of the people with these hashes: those
// of the index, and all that are not in it.
func (s *searcher) listSuspects(ctx context.Context, hashes []int64) (ids []string, err error) {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list jobs that may name a person: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing is written
	// To compare all arrays, of a table that looks small, takes seconds.
	if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
		return nil, fmt.Errorf("list jobs that may name a person: %w", err)
	}
	err = tx.SelectContext(ctx, &ids, `SELECT job_id FROM job_people WHERE people && $1
UNION SELECT r.job_id FROM job_retention r WHERE NOT EXISTS (SELECT FROM job_people p
  WHERE p.job_id = r.job_id AND p.ended_at = r.ended_at AND p.key_check = $2)`, pq.Array(hashes), s.keyCheck())
	if err != nil {
		return nil, fmt.Errorf("list jobs that may name a person: %w", err)
	}
	return ids, nil
}

// readSuspects is readJobs for the jobs that may name the person.
func (s *searcher) readSuspects(ctx context.Context, p *subject, inLog *places) (r jobsRead, err error) {
	if err := (&sweeper{cfg: s.cfg}).index(ctx); err != nil {
		return r, err
	}
	if err := s.cfg.DB.GetContext(ctx, &r.last, `SELECT seq FROM job_retention_state`); err != nil {
		return r, fmt.Errorf("read the index of jobs: %w", err)
	}
	ids, err := s.listSuspects(ctx, s.hashesOf(p))
	if err != nil {
		return r, err
	}
	r.jobs = make(map[string]*events.Job, len(ids))
	for _, id := range ids {
		job, err := s.cfg.Log.Load(ctx, id)
		switch {
		case errors.Is(err, events.ErrNewer):
			r.newer = append(r.newer, id)
		case errors.Is(err, events.ErrNotFound):
			continue // forgotten just now
		case err != nil:
			return r, fmt.Errorf("list jobs: %w", err)
		default:
			r.jobs[id] = &job
		}
		named, err := s.placesInLog(ctx, id, p)
		if err != nil {
			return r, err
		}
		inLog.add(named...)
	}
	return r, nil
}

// listSuspectOutcomes returns the jobs whose rows of job_outcome_rows may name the person: what
// these rows say is also in the artifact outcomes, which the index has.
func (s *searcher) listSuspectOutcomes(ctx context.Context, p *subject) ([]string, error) {
	ids, err := s.listSuspects(ctx, s.hashesOf(p))
	if err != nil {
		return nil, err
	}
	var unknown []string
	if err := s.cfg.DB.SelectContext(ctx, &unknown, `SELECT job_id FROM job_ledger l
WHERE NOT EXISTS (SELECT FROM job_retention r WHERE r.job_id = l.job_id)`); err != nil {
		return nil, fmt.Errorf("list jobs that may name a person: %w", err)
	}
	return append(append([]string{}, ids...), unknown...), nil
}
