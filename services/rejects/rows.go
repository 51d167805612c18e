package rejects

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// row is an uploaded row that somebody has to correct.
type row struct {
	n      int
	reason string
	cells  []string
}

// collect returns the rows of a job that have to be corrected, in their order:
// those without a valid ID number, those whose ID number stood above with
// other cells, and, once the members are written, those that the database
// refused. A row that says again what stands above needs no correction.
func collect(ctx context.Context, store *events.Store, job *events.Job) (list []row, head records.Header, err error) {
	repeats := make(map[int][]row) // by the row that they repeat
	for r, err := range records.Each[records.RejectedRow](ctx, store, job.Validated.Rejects, &head) {
		if err != nil {
			return nil, head, err
		}
		reject := row{n: r.N, reason: r.Message, cells: r.Cells}
		if r.Code == records.RejectDuplicate {
			reject.reason += " Correct it, or delete this row."
			repeats[r.FirstRow] = append(repeats[r.FirstRow], reject)
			continue
		}
		list = append(list, reject)
	}
	refused := make(map[int]string)
	if job.Persisted != nil {
		for o, err := range records.Each[records.Outcome](ctx, store, job.Persisted.Outcomes, nil) {
			if err != nil {
				return nil, head, err
			}
			if o.Result == records.Refused {
				refused[o.N] = o.Error
			}
		}
	}
	if len(repeats) > 0 || len(refused) > 0 {
		id := head.Fields[schema.FieldID]
		for r, err := range records.Each[records.Row](ctx, store, job.Validated.Rows, nil) {
			if err != nil {
				return nil, head, err
			}
			if reason, ok := refused[r.N]; ok {
				list = append(list, row{n: r.N, reason: reason, cells: r.Cells})
			}
			for _, repeat := range repeats[r.N] {
				if !sameCells(repeat.cells, r.Cells, id) {
					list = append(list, repeat)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b row) int { return cmp.Compare(a.n, b.n) })
	return list, head, nil
}

// sameCells compares the cells of two rows but for the one of the ID number,
// which is the same and may be spelled otherwise.
func sameCells(a, b []string, id int) bool {
	for i := range max(len(a), len(b)) {
		if i != id && strings.TrimSpace(at(a, i)) != strings.TrimSpace(at(b, i)) {
			return false
		}
	}
	return true
}

func at(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}
