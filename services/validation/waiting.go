package validation

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
	"rollcall.example/schema"
)

// takeWaiting makes the rows of another job that wait for somebody whose area covers
// both the rows of this one. Those outside of this job's area are rejected.
func (s *Service) takeWaiting(ctx context.Context, w *stage.Work) (_ *events.Validated, err error) {
	completed, err := w.LoadCompleted(ctx)
	if err != nil {
		return nil, err
	}
	w.Progress(events.FileReading, 0, 0, "Reading the rows that wait")
	rows, err := records.NewWriter[records.Row](s.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	rejects, err := records.NewWriter[records.RejectedRow](s.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rejects.Close()) }()
	fact := &events.Validated{}
	area := newArea(w.Job.Uploaded.Area)
	head := records.Header{}
	for row, err := range s.waitingRows(ctx, &completed, &head) {
		if err != nil {
			return nil, err
		}
		fact.Stats.TotalRecords++
		fact.Stats.ValidIDs++
		if !area.bounds.Contain(placeOf(row.Fields)) {
			fact.Stats.OutOfArea++
			if err := rejects.Write(rejectWaiting(row)); err != nil {
				return nil, err
			}
			continue
		}
		fact.Stats.ValidRecords++
		fact.Stats.UniqueRecords++
		fact.Stats.Warnings += len(row.Warnings)
		if err := rows.Write(row); err != nil {
			return nil, err
		}
	}
	named := func(name string) records.Header {
		h := w.Header(name)
		h.Columns, h.Fields = head.Columns, head.Fields
		return h
	}
	fact.Rows, err = rows.Store(ctx, s.cfg.Store, events.BucketRows, w.ArtifactName("rows"), named("rows"))
	if err != nil {
		return nil, err
	}
	fact.Rejects, err = rejects.Store(ctx, s.cfg.Store, events.BucketRows, w.ArtifactName("rejects"), named("rejects"))
	if err != nil {
		return nil, errors.Join(err, s.cfg.Store.Discard(context.WithoutCancel(ctx), events.BucketRows, fact.Rows.Name))
	}
	total := fact.Stats.TotalRecords
	w.Progress(events.PreValidation, total, total, "Read the rows that wait")
	return fact, nil
}

// waitingRows yields the rows of a job whose outcome is transfer. Rows and outcomes
// have the same row numbers in the same order.
func (s *Service) waitingRows(
	ctx context.Context, job *events.Job, head *records.Header,
) iter.Seq2[*records.Row, error] {
	return func(yield func(*records.Row, error) bool) {
		next, stop := iter.Pull2(records.Each[records.Outcome](ctx, s.cfg.Store, job.Persisted.Outcomes, nil))
		defer stop()
		for row, err := range records.Each[records.Row](ctx, s.cfg.Store, job.Validated.Rows, head) {
			if err != nil {
				yield(nil, err)
				return
			}
			outcome, err, ok := next()
			if err == nil && (!ok || outcome.N != row.N) {
				err = fmt.Errorf("no outcome of row %d", row.N)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if outcome.Result == records.Transfer && !yield(row, nil) {
				return
			}
		}
	}
}

func rejectWaiting(row *records.Row) *records.RejectedRow {
	return &records.RejectedRow{
		N: row.N, Code: records.RejectOutOfArea, Message: "The row lies outside of your area.",
		Cell: row.Fields[schema.FieldWard], Cells: row.Cells, Far: row.Far,
	}
}

func placeOf(fields map[string]string) access.Place {
	return access.Place{
		Province: fields[schema.FieldProvince], Municipality: fields[schema.FieldMunicipality],
		Ward: fields[schema.FieldWard],
	}
}
