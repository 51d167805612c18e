package privacy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rollcall.example/events"
)

// ErrNoID means that the argument is no ID number. The error does not repeat it.
var ErrNoID = errors.New("not an ID number of 13 digits")

// Erasure says what Erase has done. Jobs are named by their ids.
type Erasure struct {
	// Jobs are those whose artifacts or files held the person.
	Jobs []string `json:"jobs"`
	// Busy are jobs that have not ended. The person may be in them, so erase again
	// when they have.
	Busy []string `json:"busy"`
	// Unread are jobs with an artifact or a file that could not be searched: it is
	// missing, altered or invalid. The person may be in it.
	Unread []string `json:"unread"`
	// Members and Outcomes count deleted rows of the database: the member, and what
	// jobs have recorded about the member.
	Members  int64 `json:"members"`
	Outcomes int64 `json:"outcomes"`
	// Answer is true if Erase has also removed the IEC's answer from the cache.
	// Without the cache's key it cannot; the answer then expires after
	// events.VerdictsTTL.
	Answer bool `json:"iec_answer"`
}

// Erase removes a person from tables and artifacts. Each job that held the person
// gets new artifacts without, a new report made from them, and an erased event. Its
// upload is removed as a whole, because nobody can tell what else a spreadsheet says
// about a person. Figures and other events stay. Erase may be repeated at any time.
func (s *Service) Erase(ctx context.Context, id string, by events.User, from string) (done Erasure, err error) {
	done = Erasure{Jobs: []string{}, Busy: []string{}, Unread: []string{}}
	if !isIDNumber(id) {
		return done, ErrNoID
	}
	jobs, err := s.loadJobs(ctx)
	if err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	// An undo job shares artifacts with the job that it undoes. Both get the same
	// replacement.
	replaced := map[events.Artifact]events.Artifact{}
	for _, jobID := range sortedIDs(jobs) {
		job := jobs[jobID]
		if !job.Ended() {
			done.Busy = append(done.Busy, jobID)
			continue
		}
		f, err := s.search(ctx, job, id)
		if err != nil {
			return done, fmt.Errorf("erase: job %s: %w", jobID, err)
		}
		if len(f.unread) > 0 {
			done.Unread = append(done.Unread, jobID)
		}
		if !f.hasAny() {
			continue
		}
		done.Jobs = append(done.Jobs, jobID)
		if err := s.writeAudit(ctx, jobID, events.AccessErasure, by, from); err != nil {
			return done, fmt.Errorf("erase: %w", err)
		}
		if jobs[jobID], err = s.replaceArtifacts(ctx, job, f, replaced); err != nil {
			return done, fmt.Errorf("erase: job %s: %w; erase again", jobID, err)
		}
	}
	if err := s.removeUnnamedObjects(ctx, jobs, &Swept{}); err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	if len(done.Jobs) == 0 {
		if err := s.writeMemberAudit(ctx, id, events.AccessErasure, by, from); err != nil {
			return done, fmt.Errorf("erase: %w", err)
		}
	}
	if err := s.deleteRows(ctx, id, &done); err != nil {
		return done, fmt.Errorf("erase: %w", err)
	}
	if s.cfg.ForgetAnswer != nil {
		if err := s.cfg.ForgetAnswer(ctx, id); err != nil {
			return done, fmt.Errorf("erase: %w", err)
		}
		done.Answer = true
	}
	s.cfg.Logger.InfoContext(ctx, "erased a person", "jobs", len(done.Jobs), "members", done.Members, "by", by.ID)
	return done, nil
}

func isIDNumber(id string) bool {
	for _, c := range id {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(id) == 13
}

// deleteRows deletes a person's rows from the database and counts them in done.
func (s *Service) deleteRows(ctx context.Context, id string, done *Erasure) error {
	tx, err := s.cfg.DB.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	for table, count := range map[string]*int64{"job_outcomes": &done.Outcomes, "members": &done.Members} {
		res, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE id_number = $1`, id)
		if err != nil {
			return fmt.Errorf("delete from %s: %w", table, err)
		}
		if *count, err = res.RowsAffected(); err != nil {
			return fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	return tx.Commit()
}

func sortedIDs(jobs map[string]*events.Job) []string { return slices.Sorted(maps.Keys(jobs)) }
