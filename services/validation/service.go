package validation

import (
	"context"
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Config is what the service works with.
type Config struct {
	// Store reads uploads and writes rows and rejects. Required.
	Store *events.Store
	// Limits bounds what an upload may unpack to; its zero value has defaults.
	Limits workbook.Limits
}

// Service is the stage validation.
type Service struct{ cfg Config }

// New returns the stage.
func New(cfg Config) *Service {
	return &Service{cfg: cfg}
}

// Handle reads a job's workbook and judges its rows. It is an events.Handler.
// What is wrong with the file is an *events.Rejection with the code of the
// refusal.Error. The same file gives the same artifacts, whenever it is read.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (_ events.Fact, err error) {
	if w.Job.Options.Undoes != "" {
		undone, err := w.LoadUndone(ctx)
		if err != nil {
			return nil, fmt.Errorf("validate: %w", err)
		}
		return &events.Validated{Rows: undone.Validated.Rows, Rejects: undone.Validated.Rejects, Stats: undone.Validated.Stats}, nil
	}
	w.Progress(events.FileReading, 0, 0, "Reading the spreadsheet")
	upload := w.Job.Uploaded.File
	file, err := s.cfg.Store.Fetch(ctx, upload)
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	columns, err := schema.Columns()
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	book, err := workbook.Open(file, upload.Size, s.cfg.Limits)
	if err != nil {
		return nil, refuse(err)
	}
	defer func() { _ = book.Close() }() // a reader
	sheet, header, err := book.Roll(columns)
	if err != nil {
		return nil, refuse(err)
	}
	w.Progress(events.FileReading, 1, 1, "Read the spreadsheet")
	judge, err := NewJudge(Settings{Header: header, UploadedAt: w.Job.CreatedAt, Date1904: book.Date1904})
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return s.judge(ctx, w, sheet, header, judge)
}

func (s *Service) judge(ctx context.Context, w *stage.Work, sheet *workbook.Sheet, header workbook.Header, judge *Judge) (_ events.Fact, err error) {
	rows, err := records.NewWriter[records.Row](s.cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	// Written again after the last row: only then is it known how often each occurs.
	rejected, err := records.NewWriter[records.RejectedRow](s.cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	defer func() { err = errors.Join(err, rejected.Close()) }()
	total := sheet.RowCount()
	for row, err := range sheet.Rows() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, refuse(err)
		}
		valid, reject := judge.Row(row)
		switch {
		case valid != nil:
			if err := rows.Write(valid); err != nil {
				return nil, fmt.Errorf("validate: %w", err)
			}
		case reject != nil:
			if err := rejected.Write(reject); err != nil {
				return nil, fmt.Errorf("validate: %w", err)
			}
		}
		total = max(total, row.N)
		w.Progress(events.PreValidation, row.N, total, "Checking ID numbers and duplicates")
	}
	if judge.Stats().TotalRecords == 0 {
		return nil, stage.Reject(refusal.CodeNoRows, "The sheet has a header but no rows below it. Please add the members and upload the file again.", nil)
	}
	rejects, err := records.NewWriter[records.RejectedRow](s.cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	defer func() { err = errors.Join(err, rejects.Close()) }()
	for r, err := range rejected.Replay() {
		if err != nil {
			return nil, fmt.Errorf("validate: %w", err)
		}
		judge.Complete(r)
		if err := rejects.Write(r); err != nil {
			return nil, fmt.Errorf("validate: %w", err)
		}
	}
	fact := &events.Validated{Stats: judge.Stats()}
	head := func(name string) records.Header {
		h := w.Header(name)
		h.Columns, h.Fields = header.Columns, header.Fields
		return h
	}
	if fact.Rows, err = rows.Store(ctx, s.cfg.Store, events.BucketRows, w.ArtifactName("rows"), head("rows")); err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	if fact.Rejects, err = rejects.Store(ctx, s.cfg.Store, events.BucketRows, w.ArtifactName("rejects"), head("rejects")); err != nil {
		// The next attempt has names of its own, and may want the room.
		err = errors.Join(err, s.cfg.Store.Discard(context.WithoutCancel(ctx), events.BucketRows, fact.Rows.Name))
		return nil, fmt.Errorf("validate: %w", err)
	}
	total = judge.Stats().TotalRecords
	w.Progress(events.PreValidation, total, total, "Checked ID numbers and duplicates")
	return fact, nil
}

// refuse tells a bad file, which stays bad, from a bad moment.
func refuse(err error) error {
	if bad, ok := errors.AsType[*refusal.Error](err); ok {
		return stage.RejectWith(bad)
	}
	return fmt.Errorf("validate: %w", err)
}
