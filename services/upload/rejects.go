package upload

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// rejected is an uploaded row that somebody has to correct.
type rejected struct {
	n      int
	reason string
	cells  []string
}

// toFix collects the rows of a job that have to be corrected, in their order:
// those without a valid ID number, those whose ID number stood above with
// other cells, and, once the members are written, those that the database
// refused. A row that says again what stands above needs no correction.
func (s *Service) toFix(ctx context.Context, job *events.Job) (list []rejected, head records.Header, err error) {
	repeats := make(map[int][]rejected) // by the row that they repeat
	head, err = each(ctx, s.cfg.Store, job.Validated.Rejects, func(r *records.RejectedRow) {
		row := rejected{n: r.N, reason: r.Message, cells: r.Cells}
		if r.Code == records.RejectDuplicate {
			row.reason += " Correct it, or delete this row."
			repeats[r.FirstRow] = append(repeats[r.FirstRow], row)
			return
		}
		list = append(list, row)
	})
	if err != nil {
		return nil, head, err
	}
	refused := make(map[int]string)
	if job.Persisted != nil {
		_, err = each(ctx, s.cfg.Store, job.Persisted.Outcomes, func(o *records.Outcome) {
			if o.Result == records.Refused {
				refused[o.N] = o.Error
			}
		})
		if err != nil {
			return nil, head, err
		}
	}
	if len(repeats) > 0 || len(refused) > 0 {
		id := head.Fields[schema.FieldID]
		_, err = each(ctx, s.cfg.Store, job.Validated.Rows, func(r *records.Row) {
			if reason, ok := refused[r.N]; ok {
				list = append(list, rejected{n: r.N, reason: reason, cells: r.Cells})
			}
			for _, again := range repeats[r.N] {
				if !sameCells(again.cells, r.Cells, id) {
					list = append(list, again)
				}
			}
		})
		if err != nil {
			return nil, head, err
		}
	}
	slices.SortFunc(list, func(a, b rejected) int { return cmp.Compare(a.n, b.n) })
	return list, head, nil
}

// each visits the records of an artifact.
func each[T records.Record](ctx context.Context, store *events.Store, a events.Artifact, visit func(*T)) (records.Header, error) {
	var head records.Header
	for record, err := range records.Each[T](ctx, store, a, &head) {
		if err != nil {
			return records.Header{}, err
		}
		visit(record)
	}
	return head, nil
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
