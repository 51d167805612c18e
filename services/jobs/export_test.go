package jobs

// Row is a row of the table.
type Row = row
