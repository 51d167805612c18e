package rowhistory

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// addResults adds what the IEC and the database said of a row that was accepted.
func (r *Reader) addResults(ctx context.Context, job *events.Job, h *History) error {
	h.IEC = Verdict{Status: "none", Why: "The job has not got that far."}
	h.Database = Outcome{Result: "none", Why: "The job has not got that far."}
	if job.Verified == nil {
		return nil
	}
	o, err := r.findOutcome(ctx, job, h.Row)
	switch {
	case err != nil:
		return err
	case o == nil && job.MayWait():
		return nil // what the IEC said is shown once it is known that the row does not wait
	case o != nil && records.Withholds(job, o.Result):
		h.IEC = Verdict{Status: "none", Why: omissions[o.Result]}
		h.Database = Outcome{Result: o.Result, Why: omissions[o.Result],
			DryRun: job.Persisted == nil || job.Options.DryRun}
		return nil
	}
	v, _, err := find(ctx, r.store, job.Verified.Verdicts, func(v *records.Verdict) int { return v.N - h.Row })
	if err != nil {
		return err
	}
	if v != nil {
		h.IEC = Verdict{
			Status: string(v.Status), Why: v.Reason, VoterStatus: v.VoterStatus, Ward: v.Ward, VD: v.VD, Station: v.Station,
			MunicipalityCode: v.MunicipalityCode, Municipality: v.Municipality, Province: v.Province, At: v.At,
			Kept: !v.At.IsZero() && v.At.Before(job.CreatedAt),
		}
	}
	if o == nil {
		return nil
	}
	h.Database = Outcome{Result: o.Result, Why: cmp.Or(o.Error, omissions[o.Result]), VDCode: o.VD,
		Changed: o.Changed, Cleared: o.Cleared,
		DryRun: job.Persisted == nil || job.Options.DryRun}
	if job.Persisted == nil {
		return nil // what was proposed is not written
	}
	return r.addImages(ctx, job.ID, h)
}

// omissions say why a row was left out that the database did not refuse. Of a row whose
// answers are withheld they are all that is told.
var omissions = map[string]string{
	records.Transfer: "The row waits for somebody whose area covers both the row and the member.",
	records.Known:    "The person is a member already, and the upload only adds people.",
	records.Unknown:  "No member that the upload may change has this ID number, and it adds nobody.",
}

// findOutcome returns the outcome of a row, or the one that is proposed; nil where
// neither is known.
func (r *Reader) findOutcome(ctx context.Context, job *events.Job, n int) (*records.Outcome, error) {
	var outcomes events.Artifact
	switch {
	case job.Persisted != nil:
		outcomes = job.Persisted.Outcomes
	case job.Proposed != nil:
		outcomes = job.Proposed.Outcomes
	default:
		return nil, nil
	}
	o, _, err := find(ctx, r.store, outcomes, func(o *records.Outcome) int { return o.N - n })
	return o, err
}

// addImages adds the member's values before and after. The artifact has ward and
// voting district only, and of a dry run there is no more than that.
func (r *Reader) addImages(ctx context.Context, jobID string, h *History) error {
	var images struct {
		Before []byte `db:"before"`
		After  []byte `db:"after"`
	}
	err := r.db.GetContext(ctx, &images,
		`SELECT before, after FROM job_outcome_rows WHERE job_id = $1 AND n = $2`, jobID, h.Row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read outcome: %w", err)
	}
	if err := decodeImage(images.Before, &h.Database.Before); err != nil {
		return err
	}
	return decodeImage(images.After, &h.Database.After)
}

// decodeImage leaves into alone where the database has no image.
func decodeImage(text []byte, into *map[string]any) error {
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read outcome: %w", err)
	}
	return nil
}
