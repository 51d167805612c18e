package whatif

import (
	"context"
	"iter"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// judgementsBefore yields the judgements that the job was given, in the order of the
// rows.
func judgementsBefore(ctx context.Context, store *events.Store, job *events.Job) iter.Seq2[judgement, error] {
	var verdicts iter.Seq2[*records.Verdict, error] = func(func(*records.Verdict, error) bool) {}
	if job.Verified != nil {
		verdicts = records.Each[records.Verdict](ctx, store, job.Verified.Verdicts, nil)
	}
	return merge(records.Each[records.Row](ctx, store, job.Validated.Rows, nil),
		records.Each[records.RejectedRow](ctx, store, job.Validated.Rejects, nil), verdicts)
}

// merge yields accepted rows with their verdicts, and rejected rows where they stood.
// verdicts may be fewer than rows.
func merge(
	rows iter.Seq2[*records.Row, error], rejects iter.Seq2[*records.RejectedRow, error],
	verdicts iter.Seq2[*records.Verdict, error],
) iter.Seq2[judgement, error] {
	return func(yield func(judgement, error) bool) {
		nextReject, stopRejects := iter.Pull2(rejects)
		defer stopRejects()
		nextVerdict, stopVerdicts := iter.Pull2(verdicts)
		defer stopVerdicts()
		reject, rejectErr, more := nextReject()
		// yieldRejects yields those that stand before a row, or with 0 all that are left.
		yieldRejects := func(row int) bool {
			for ; more && rejectErr == nil && (row == 0 || reject.N < row); reject, rejectErr, more = nextReject() {
				if !yield(judgement{row: reject.N, class: reject.Code}, nil) {
					return false
				}
			}
			if rejectErr != nil {
				yield(judgement{}, rejectErr)
			}
			return rejectErr == nil
		}
		for row, err := range rows {
			if err != nil {
				yield(judgement{}, err)
				return
			}
			if !yieldRejects(row.N) {
				return
			}
			j := acceptedRow(row)
			if j.verdict, err, _ = nextVerdict(); err != nil {
				yield(judgement{}, err)
				return
			}
			if !yield(j, nil) {
				return
			}
		}
		yieldRejects(0)
	}
}
