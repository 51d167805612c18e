package persistence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// run is one attempt at a job, and what came of it.
type run struct {
	service  *Service
	work     *stage.Work
	out      *records.Writer[records.Outcome]
	proposal *proposal
	// dryRun is what the job commits; nil for all others.
	dryRun *dryRun

	stats    events.DatabaseStats
	outcomes events.Artifact
	iec      *events.IECStats
}

// newRun begins an attempt. The caller closes out.
func (s *Service) newRun(ctx context.Context, w *stage.Work) (*run, error) {
	p, err := s.openProposal(ctx, &w.Job)
	if err != nil {
		return nil, err
	}
	out, err := records.NewWriter[records.Outcome](s.store)
	if err != nil {
		return nil, err
	}
	return &run{service: s, work: w, out: out, proposal: p}, nil
}

func (r *run) close() error {
	err := r.out.Close()
	if r.dryRun != nil {
		err = errors.Join(err, r.dryRun.close())
	}
	return err
}

// report reports how many rows are done. All rows of a job that was approved count
// as done: the proposal has told so already, and progress never goes back.
func (r *run) report(done int, message string) {
	total := r.work.Job.Validated.Rows.Records
	if r.work.Job.Approved != nil {
		done = total
	}
	r.work.Progress(events.DatabaseOperations, done, total, message)
}

// proposeIn returns the step that stores the outcomes. Its error is errPropose where
// somebody has to approve them before the transaction may commit.
func (r *run) proposeIn(ctx context.Context) outcomesStep {
	return func(tx *sqlx.Tx, written bool) error {
		err := r.storeOutcomes(ctx, tx, !written)
		if err == nil && r.proposal.reason != "" {
			err = errPropose
		}
		return err
	}
}

// outcomesOf returns what reads the outcomes of the job.
func (r *run) outcomesOf(job *events.Job) outcomeReader {
	of := outcomeReader{jobID: job.ID, clears: job.Options.AllowClear && job.Options.Undoes == ""}
	switch {
	case job.Options.DryRun:
		of.salt = r.proposal.salt
	case r.dryRun != nil:
		of.salt = r.dryRun.salt
	}
	return of
}

// storeOutcomes stores the artifact and counts what it holds. With decide it finds
// out before whether the job is what a dry run has shown, and whether it has to be
// proposed.
func (r *run) storeOutcomes(ctx context.Context, tx *sqlx.Tx, decide bool) (err error) {
	job := &r.work.Job
	var withheld []int
	r.stats, err = r.outcomesOf(job).each(ctx, tx, func(o *records.Outcome) error {
		if records.Withholds(job, o.Result) {
			withheld = append(withheld, o.N)
		}
		if decide && r.dryRun != nil {
			if err := r.dryRun.compare(o); err != nil {
				return err
			}
		}
		if !job.Options.DryRun {
			o.Digest = "" // only a dry run is compared with
		}
		return r.out.Write(o)
	})
	if err == nil && decide && r.dryRun != nil {
		err = r.dryRun.finish()
	}
	if err != nil {
		return err
	}
	r.stats.DryRun = job.Options.DryRun
	if total := job.Validated.Rows.Records; r.stats.Total != total {
		return fmt.Errorf("%d outcomes for %d rows", r.stats.Total, total)
	}
	if r.iec, err = r.service.countVerdicts(ctx, job, withheld); err != nil {
		return err
	}
	if decide {
		if err := r.proposal.decide(ctx, tx, r.stats); err != nil {
			return err
		}
	}
	r.report(r.stats.Total, "Storing the outcomes")
	header := r.work.Header("outcomes")
	if r.proposal.reason != "" || job.Options.DryRun {
		header.Salt = r.proposal.salt
	}
	r.outcomes, err = r.out.Store(ctx, r.service.store, events.BucketOutcomes, r.work.ArtifactName("outcomes"), header)
	return err
}
