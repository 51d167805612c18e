package privacy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook"
)

// held is what the artifacts of a job hold of one person.
type held struct {
	columns  []string // of rows and rejects
	rows     []*records.Row
	rejects  []*records.RejectedRow
	verdicts []*records.Verdict
	outcomes []*records.Outcome
	// upload and report say that the file has the ID number in a cell; a file that
	// cannot be read does not.
	upload, report bool
	// unread are artifacts and files that could not be looked through.
	unread []events.Artifact
}

// damaged says that an artifact is not there, or not as it was: whoever looks for it is
// told so and goes on, for no other job's data is to stay because of that.
func damaged(err error) bool {
	return errors.Is(err, events.ErrMissing) || errors.Is(err, events.ErrAltered)
}

func (h *held) anything() bool { return len(h.rows)+len(h.rejects) > 0 || h.upload || h.report }

// search looks for a person in all that is kept of a job.
func (s *Service) search(ctx context.Context, job *events.Job, id string) (h *held, err error) {
	h = &held{}
	if v := job.Validated; v != nil && job.Removed(v.Rows) == nil {
		if h.rows, err = pick(ctx, s.cfg.Store, h, v.Rows, func(r *records.Row) bool { return r.ID == id }); err != nil {
			return nil, err
		}
		mine := func(r *records.RejectedRow) bool {
			if r.ID == id {
				return true
			}
			for _, c := range r.Cells {
				if spells(c, false, id) {
					return true
				}
			}
			return spells(r.Cell, false, id)
		}
		if h.rejects, err = pick(ctx, s.cfg.Store, h, v.Rejects, mine); err != nil {
			return nil, err
		}
		rows := map[int]bool{}
		for _, r := range h.rows {
			rows[r.N] = true
		}
		if f := job.Verified; f != nil && len(rows) > 0 {
			if h.verdicts, err = pick(ctx, s.cfg.Store, h, f.Verdicts, func(v *records.Verdict) bool { return rows[v.N] }); err != nil {
				return nil, err
			}
		}
		if f := job.Persisted; f != nil && len(rows) > 0 {
			if h.outcomes, err = pick(ctx, s.cfg.Store, h, f.Outcomes, func(o *records.Outcome) bool { return rows[o.N] }); err != nil {
				return nil, err
			}
		}
	}
	// The files are looked through for themselves: what is kept of a job may be them
	// alone, and an upload has cells that no artifact has.
	if h.upload, err = s.inFile(ctx, job, job.Uploaded.File, id, h); err != nil {
		return nil, err
	}
	if job.Reported != nil {
		if h.report, err = s.inFile(ctx, job, job.Reported.Report, id, h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// pick reads the records of an artifact that are wanted.
func pick[T records.Record](ctx context.Context, store *events.Store, h *held, a events.Artifact, want func(*T) bool) (list []*T, err error) {
	var head records.Header
	for record, err := range records.Each[T](ctx, store, a, &head) {
		if damaged(err) {
			h.unread = append(h.unread, a)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if want(record) {
			list = append(list, record)
		}
	}
	if h.columns == nil {
		h.columns = head.Columns
	}
	return list, nil
}

// inFile says whether a cell of a workbook spells the ID number.
func (s *Service) inFile(ctx context.Context, job *events.Job, a events.Artifact, id string, h *held) (bool, error) {
	if job.Removed(a) != nil {
		return false, nil
	}
	file, err := s.cfg.Store.Fetch(ctx, a)
	if damaged(err) {
		h.unread = append(h.unread, a)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // a local copy
	found, err := spelled(ctx, file, a.Size, id)
	var fault *refusal.Error
	if errors.As(err, &fault) {
		h.unread = append(h.unread, a)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look through %s: %w", a.Name, err)
	}
	return found, nil
}

func spelled(ctx context.Context, file fileAt, size int64, id string) (bool, error) {
	book, err := workbook.Open(file, size, workbook.Limits{})
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
				if spells(c.Text, c.Numeric(), id) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

type fileAt interface {
	ReadAt(p []byte, off int64) (int, error)
}

// spells says whether a cell is the ID number, with spaces and dashes or, in a
// numeric cell, without the zeros that it begins with.
func spells(cell string, numeric bool, id string) bool {
	digits := strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(cell)
	if numeric {
		// Shorter ones are no ID numbers that have lost zeros, but other numbers.
		return len(digits) >= 11 && strings.TrimLeft(id, "0") == strings.TrimLeft(digits, "0")
	}
	return digits == id
}
