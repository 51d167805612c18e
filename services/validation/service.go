package validation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"rollcall.example/events"
	"rollcall.example/events/person"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// Config says what the service works with.
type Config struct {
	// Store reads uploads and stores rows and rejects. Required.
	Store *events.Store
	// Objections returns who has objected to being on a roll; nil means that nobody
	// has.
	Objections func(context.Context) (*person.Objections, error)
	// Budget bounds what reading an upload may take; the zero value means the
	// defaults.
	Budget workbook.Budget
}

// Service is the stage validation.
type Service struct{ cfg Config }

// New returns the stage.
func New(cfg Config) *Service {
	return &Service{cfg: cfg}
}

// Handle is a stage.Handler. It reads a job's workbook, judges its rows and returns
// *events.Validated. What is wrong with the file is a *stage.Rejection with the
// file's *refusal.Error. The same file always gives the same artifacts.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (events.Fact, error) {
	fact, err := s.validate(ctx, w)
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return nil, stage.RejectWith(refused) // the file stays bad
	}
	if err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return fact, nil
}

func (s *Service) validate(ctx context.Context, w *stage.Work) (_ *events.Validated, err error) {
	if w.Job.Options.Undoes != "" {
		undone, err := w.LoadUndone(ctx)
		if err != nil {
			return nil, err
		}
		was := undone.Validated
		return &events.Validated{Rows: was.Rows, Rejects: was.Rejects, Stats: was.Stats}, nil
	}
	if w.Job.Options.Completes != "" {
		return s.takeWaiting(ctx, w)
	}
	if w.Job.Options.Commits != "" {
		return s.takeDryRun(ctx, w)
	}
	w.Progress(events.FileReading, 0, 0, "Reading the spreadsheet")
	upload := w.Job.Uploaded.File
	file, err := s.cfg.Store.Fetch(ctx, upload)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	columns, err := schema.Columns()
	if err != nil {
		return nil, err
	}
	book, err := workbook.Open(ctx, file, upload.Size, s.cfg.Budget)
	if err != nil {
		return nil, err
	}
	defer func() { _ = book.Close() }() // a reader
	sheet, header, err := book.RollAt(columns, w.Job.Uploaded.Mapping)
	if err != nil {
		return nil, err
	}
	w.Progress(events.FileReading, 1, 1, "Read the spreadsheet")
	set := Settings{
		Header: header, UploadedAt: w.Job.CreatedAt, Date1904: book.Date1904, Area: w.Job.Uploaded.Area,
		AllowClear: w.Job.Options.AllowClear,
	}
	if s.cfg.Objections != nil {
		objections, err := s.cfg.Objections(ctx)
		if err != nil {
			return nil, err
		}
		if objections.Len() > 0 {
			set.Objected = objections.Has
		}
	}
	judgeAll := func() (*events.Validated, error) {
		judge, err := NewJudge(set)
		if err != nil {
			return nil, err
		}
		return s.storeJudgements(ctx, w, sheet, header, judge, newRoom(upload.Size))
	}
	fact, err := judgeAll()
	if sheet.Reorder(err) {
		fact, err = judgeAll()
	}
	if err != nil {
		return nil, err
	}
	fact.FileWarnings = append(book.Warnings(sheet), fact.FileWarnings...)
	return fact, nil
}

// storeJudgements judges the rows below the header and stores the artifacts rows and
// rejects.
func (s *Service) storeJudgements(
	ctx context.Context, w *stage.Work, sheet *workbook.Sheet, header workbook.Header, judge *Judge,
	room *room,
) (_ *events.Validated, err error) {
	rows, err := records.NewWriter[records.Row](s.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	// Rejects are written twice, for only the last row tells how often each ID number
	// occurs.
	rejected, err := records.NewWriter[records.RejectedRow](s.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rejected.Close()) }()
	if err := judgeRows(ctx, w, sheet, judge, room, rows, rejected); err != nil {
		return nil, err
	}
	rejects, err := records.NewWriter[records.RejectedRow](s.cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rejects.Close()) }()
	for r, err := range rejected.Replay() {
		if err != nil {
			return nil, err
		}
		judge.Complete(r)
		if err := rejects.Write(r); err != nil {
			return nil, err
		}
	}
	fact := &events.Validated{
		Stats: judge.Stats(), ColumnUse: judge.ColumnUse(), FileWarnings: judge.FileWarnings(),
	}
	head := func(name string) records.Header {
		h := w.Header(name)
		h.Columns, h.Fields = header.Columns, header.Fields
		return h
	}
	store := s.cfg.Store
	if fact.Rows, err = rows.Store(ctx, store, events.BucketRows, w.ArtifactName("rows"), head("rows")); err != nil {
		return nil, err
	}
	name := w.ArtifactName("rejects")
	if fact.Rejects, err = rejects.Store(ctx, store, events.BucketRows, name, head("rejects")); err != nil {
		// The next attempt stores under names of its own and may need the space.
		return nil, errors.Join(err, store.Discard(context.WithoutCancel(ctx), events.BucketRows, fact.Rows.Name))
	}
	total := judge.Stats().TotalRecords
	w.Progress(events.PreValidation, total, total, "Checked ID numbers and duplicates")
	return fact, nil
}

// judgement is what became of a row: one of the two.
type judgement struct {
	valid  *records.Row
	reject *records.RejectedRow
}

const (
	// batchRows, batchCells and batchBytes are how much is read before it is handed over to be
	// judged and then to be written, and batchesAhead how many batches may wait for that.
	batchRows    = 128
	batchCells   = 8192
	batchBytes   = 256 << 10
	batchesAhead = 2
)

// judgeBatches judges each row of the sheet. An error comes together with the rows before it.
func judgeBatches(
	ctx context.Context, sheet *workbook.Sheet, judge *Judge, room *room,
) iter.Seq2[[]judgement, error] {
	return func(yield func([]judgement, error) bool) {
		var buffers sync.Pool
		for read, err := range stage.ReadAhead(batchesAhead, readBatches(ctx, sheet, room, &buffers)) {
			batch := make([]judgement, 0, len(read.rows))
			for _, row := range read.rows {
				valid, reject := judge.JudgeRow(row)
				if valid != nil || reject != nil {
					batch = append(batch, judgement{valid, reject})
				}
			}
			buffers.Put(&read)
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// rowBatch is some rows of a sheet. Each row of a sheet overwrites the cells of the one
// before, so the batch has cells of its own.
type rowBatch struct {
	rows  []workbook.Row
	cells []workbook.Cell
}

// readBatches reads the rows of the sheet, but for blank ones. An error comes together with
// the rows before it. buffers has batches that are used no longer.
func readBatches(
	ctx context.Context, sheet *workbook.Sheet, room *room, buffers *sync.Pool,
) iter.Seq2[rowBatch, error] {
	return func(yield func(rowBatch, error) bool) {
		var b rowBatch
		size := 0
		for row, err := range sheet.Rows() {
			text := 0
			if err = errors.Join(err, ctx.Err()); err == nil {
				text, err = room.takeRow(row)
			}
			if err != nil {
				yield(b, err)
				return
			}
			if row.Blank() {
				continue // of blank rows there may be a million
			}
			begin := len(b.cells)
			b.cells = append(b.cells, row.Cells...)
			row.Cells = b.cells[begin:len(b.cells):len(b.cells)]
			b.rows = append(b.rows, row)
			if size += text; len(b.rows) == batchRows || size >= batchBytes || len(b.cells) >= batchCells {
				if !yield(b, nil) {
					return
				}
				b, size = rowBatch{}, 0
				if used, ok := buffers.Get().(*rowBatch); ok {
					b = rowBatch{rows: used.rows[:0], cells: used.cells[:0]}
				}
			}
		}
		yield(b, nil)
	}
}

// NoRows is why a sheet is refused that has nothing below its header.
const NoRows = "The sheet has a header but no rows below it. Please add the members and upload the file again."

// judgeRows judges each row of the sheet and writes it to rows or to rejected. It
// refuses a sheet without rows.
func judgeRows(
	ctx context.Context, w *stage.Work, sheet *workbook.Sheet, judge *Judge, room *room,
	rows *records.Writer[records.Row], rejected *records.Writer[records.RejectedRow],
) error {
	total := sheet.RowCount()
	// Reading, judging and writing take about as long as one another, and none waits for the next.
	for batch, err := range stage.ReadAhead(batchesAhead, judgeBatches(ctx, sheet, judge, room)) {
		for _, j := range batch {
			n := 0
			var werr error
			if j.valid != nil {
				n, werr = j.valid.N, rows.Write(j.valid)
			} else {
				n, werr = j.reject.N, rejected.Write(j.reject)
			}
			if werr != nil {
				return werr
			}
			total = max(total, n)
			w.Progress(events.PreValidation, n, total, "Checking ID numbers and duplicates")
		}
		if err != nil {
			return err
		}
	}
	if judge.Stats().TotalRecords == 0 {
		return refusal.New(refusal.CodeNoRows, NoRows)
	}
	return nil
}
