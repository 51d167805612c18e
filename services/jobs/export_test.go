package jobs

import "context"

// Row is a row of the table.
type Row = row

// MergeSums makes one sum of many.
func (t *Table) MergeSums(ctx context.Context) error { return t.mergeSums(ctx) }
