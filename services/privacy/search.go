package privacy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook"
)

// found is what the artifacts of a job hold about one person.
type found struct {
	columns  []string // of rows and rejects
	rows     []*records.Row
	rejects  []*records.RejectedRow
	verdicts []*records.Verdict
	outcomes []*records.Outcome
	// upload and report are true if a cell of the file has the ID number. They are
	// false for a file that cannot be read.
	upload, report bool
	// unread are artifacts and files that could not be searched.
	unread []events.Artifact
}

func (f *found) hasAny() bool { return len(f.rows)+len(f.rejects) > 0 || f.upload || f.report }

// isDamaged reports whether an artifact is missing or altered. One damaged artifact
// must not keep the data of other jobs from being erased, so it is reported and the
// search goes on.
func isDamaged(err error) bool {
	return errors.Is(err, events.ErrMissing) || errors.Is(err, events.ErrAltered)
}

// search looks for a person in everything that is kept of a job.
func (s *Service) search(ctx context.Context, job *events.Job, id string) (*found, error) {
	f := &found{}
	if v := job.Validated; v != nil && job.Removed(v.Rows) == nil {
		if err := s.searchRecords(ctx, job, id, f); err != nil {
			return nil, err
		}
	}
	// The files are searched as well. They may be all that is kept of a job, and an
	// upload has cells that no artifact has.
	var err error
	if f.upload, err = s.fileHasID(ctx, job, job.Uploaded.File, id, f); err != nil {
		return nil, err
	}
	if job.Reported != nil {
		if f.report, err = s.fileHasID(ctx, job, job.Reported.Report, id, f); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// searchRecords searches rows, rejects, verdicts and outcomes.
func (s *Service) searchRecords(ctx context.Context, job *events.Job, id string, f *found) (err error) {
	store, v := s.cfg.Store, job.Validated
	if f.rows, err = readMatching(ctx, store, f, v.Rows, func(r *records.Row) bool { return r.ID == id }); err != nil {
		return err
	}
	rejectHasID := func(r *records.RejectedRow) bool {
		if r.ID == id {
			return true
		}
		for _, c := range r.Texts() {
			if isID(c, false, id) {
				return true
			}
		}
		return isID(r.Cell, false, id)
	}
	if f.rejects, err = readMatching(ctx, store, f, v.Rejects, rejectHasID); err != nil {
		return err
	}
	rows := map[int]bool{}
	for _, r := range f.rows {
		rows[r.N] = true
	}
	if len(rows) == 0 {
		return nil
	}
	if job.Verified != nil {
		f.verdicts, err = readMatching(ctx, store, f, job.Verified.Verdicts,
			func(v *records.Verdict) bool { return rows[v.N] })
		if err != nil {
			return err
		}
	}
	if job.Persisted != nil {
		f.outcomes, err = readMatching(ctx, store, f, job.Persisted.Outcomes,
			func(o *records.Outcome) bool { return rows[o.N] })
	}
	return err
}

// readMatching returns the records of an artifact for which match is true.
func readMatching[T records.Record](ctx context.Context, store *events.Store, f *found, a events.Artifact,
	match func(*T) bool) (list []*T, err error) {
	var head records.Header
	for record, err := range records.Each[T](ctx, store, a, &head) {
		if isDamaged(err) {
			f.unread = append(f.unread, a)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if match(record) {
			list = append(list, record)
		}
	}
	if f.columns == nil {
		f.columns = head.Columns
	}
	return list, nil
}

// fileHasID reports whether a cell of a workbook has the ID number.
func (s *Service) fileHasID(ctx context.Context, job *events.Job, a events.Artifact, id string,
	f *found) (bool, error) {
	if job.Removed(a) != nil {
		return false, nil
	}
	file, err := s.cfg.Store.Fetch(ctx, a)
	if isDamaged(err) {
		f.unread = append(f.unread, a)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // a local copy
	has, err := workbookHasID(ctx, file, a.Size, id)
	if _, unreadable := errors.AsType[*refusal.Error](err); unreadable {
		f.unread = append(f.unread, a)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("search %s: %w", a.Name, err)
	}
	return has, nil
}

func workbookHasID(ctx context.Context, file io.ReaderAt, size int64, id string) (bool, error) {
	book, err := workbook.Open(ctx, file, size, workbook.StoredBudget())
	if err != nil {
		return false, err
	}
	defer func() { _ = book.Close() }() // a reader
	for _, sheet := range book.Sheets {
		for row, err := range sheet.Rows() {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return false, err
			}
			for _, c := range row.Cells {
				if isID(c.Text, c.Numeric(), id) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// isID reports whether a cell holds the ID number. The cell may have spaces and
// dashes. A numeric cell may lack the leading zeros.
func isID(cell string, numeric bool, id string) bool {
	digits := strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(cell)
	if numeric {
		// A number of fewer digits is no ID number that has lost zeros.
		return len(digits) >= 11 && strings.TrimLeft(id, "0") == strings.TrimLeft(digits, "0")
	}
	return digits == id
}
