package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/rows"
)

// artifacts are the four artifacts that a report is made of, fetched and verified.
type artifacts struct {
	rows     *records.Reader[records.Row]
	rejects  *records.Reader[records.RejectedRow]
	verdicts *records.Reader[records.Verdict]
	outcomes *records.Reader[records.Outcome]
	// firstRepeats holds, by the number of a row, the first later row with the same
	// ID number.
	firstRepeats map[int]*repeat
	job          *events.Job
	// index gets each entry; nil where none is made.
	index *rows.Writer
}

// openArtifacts opens the artifacts of a job. The caller closes them, also after an
// error.
func openArtifacts(ctx context.Context, store *events.Store, job *events.Job, index *rows.Writer) (
	a *artifacts, err error,
) {
	a = &artifacts{job: job, index: index}
	// The row that is kept comes before those that repeat it, so the rejects are
	// read once in advance.
	if a.firstRepeats, err = findFirstRepeats(ctx, store, job.Validated.Rejects); err != nil {
		return a, err
	}
	if a.rows, err = records.Open[records.Row](ctx, store, job.Validated.Rows); err != nil {
		return a, err
	}
	if a.rejects, err = records.Open[records.RejectedRow](ctx, store, job.Validated.Rejects); err != nil {
		return a, err
	}
	if a.verdicts, err = records.Open[records.Verdict](ctx, store, job.Verified.Verdicts); err != nil {
		return a, err
	}
	if a.outcomes, err = records.Open[records.Outcome](ctx, store, job.Persisted.Outcomes); err != nil {
		return a, err
	}
	// An undo takes all but the outcomes from the job that it undoes.
	of := cmp.Or(job.Options.Undoes, job.ID)
	for h, of := range map[*records.Header]string{&a.rows.Header: of, &a.rejects.Header: of, &a.verdicts.Header: of,
		&a.outcomes.Header: job.ID} {
		if h.JobID != of {
			return a, fmt.Errorf("%s belongs to another job: %w", h.Artifact, errMismatch)
		}
	}
	if !slices.Equal(a.rows.Header.Columns, a.rejects.Header.Columns) {
		return a, fmt.Errorf("rows and rejects have different columns: %w", errMismatch)
	}
	return a, nil
}

// findFirstRepeats reads the rejects for the first row that repeats each kept one.
func findFirstRepeats(
	ctx context.Context, store *events.Store, rejects events.Artifact,
) (map[int]*repeat, error) {
	first := make(map[int]*repeat)
	for reject, err := range records.Each[records.RejectedRow](ctx, store, rejects, nil) {
		if err != nil {
			return nil, err
		}
		if reject.Code == records.RejectDuplicate && first[reject.FirstRow] == nil {
			first[reject.FirstRow] = repeatOf(reject)
		}
	}
	return first, nil
}

// countEntries returns how many uploaded rows there are.
func (a *artifacts) countEntries() int { return a.rows.Header.Records + a.rejects.Header.Records }

// entries yields the uploaded rows in their order, once.
func (a *artifacts) entries() iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		for e, err := range mergeEntries(a.rows.All(), a.rejects.All(), a.verdicts.All(), a.outcomes.All()) {
			if err == nil && e.row != nil {
				e.repeats = a.firstRepeats[e.n]
				if records.Withholds(a.job, e.outcome.Result) {
					e.verdict = &records.Verdict{N: e.n} // the report tells nothing of it
				}
			}
			if err == nil && a.index != nil {
				err = a.index.Add(rows.Entry{N: e.n, Head: &a.rejects.Header, Reject: e.reject, Row: e.row, Verdict: e.verdict,
					Outcome: e.outcome})
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (a *artifacts) close() error {
	var errs []error
	if a.rows != nil {
		errs = append(errs, a.rows.Close())
	}
	if a.rejects != nil {
		errs = append(errs, a.rejects.Close())
	}
	if a.verdicts != nil {
		errs = append(errs, a.verdicts.Close())
	}
	if a.outcomes != nil {
		errs = append(errs, a.outcomes.Close())
	}
	return errors.Join(errs...)
}
