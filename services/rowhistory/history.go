// Package rowhistory tells everything that happened to one row of a job: its
// cells, what each rule said, the IEC's verdict, what the database did, and where
// the row stands in the report.
package rowhistory

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/refusal"
)

// History is everything that happened to one row of a job.
type History struct {
	JobID string `json:"job_id"`
	// Row is its number in the uploaded sheet, from 1 on.
	Row int `json:"row"`
	// NoHeader says that the sheet has no header. Columns are named by their letters then.
	NoHeader bool `json:"no_header,omitempty"`
	// Accepted says whether the row went on after validation.
	Accepted bool `json:"accepted"`
	// Cells are those that are filled or have a heading.
	Cells []Cell `json:"cells"`
	// Guessed are the fields that no cell of their own gave.
	Guessed  []Guess           `json:"guessed,omitempty"`
	Rules    []Rule            `json:"rules"`
	Warnings []records.Warning `json:"warnings"`
	IEC      Verdict           `json:"iec"`
	Database Outcome           `json:"database"`
	Sheets   []Sheet           `json:"report_sheets"`
	// SheetsUnfinished says that the report is so large that not all of its sheets
	// were looked at.
	SheetsUnfinished bool `json:"report_sheets_unfinished,omitempty"`
}

// Cell is a cell, and what it was understood as.
type Cell struct {
	Column string `json:"column"`
	Text   string `json:"text"`
	Field  string `json:"field,omitempty"`
	Value  string `json:"value,omitempty"`
	// Cleared says that the cell asks to empty the field.
	Cleared bool `json:"cleared,omitempty"`
}

// Guess is a field that came from elsewhere than a cell of its own: a part of a full
// name, or what the ID number says.
type Guess struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// Rule is what a rule said: passed, failed, or not_reached after one that failed.
type Rule struct {
	Rule    string `json:"rule"`
	Answer  string `json:"answer"`
	Message string `json:"message,omitempty"`
}

// Verdict is the IEC's answer. Status is none where there is no answer, and Why
// says why.
type Verdict struct {
	Status           string    `json:"status"`
	Why              string    `json:"why,omitempty"`
	VoterStatus      string    `json:"voter_status,omitempty"`
	Ward             string    `json:"ward,omitempty"`
	VD               string    `json:"vd,omitempty"`
	Station          string    `json:"station,omitempty"`
	MunicipalityCode string    `json:"municipality_code,omitempty"`
	Municipality     string    `json:"municipality,omitempty"`
	Province         string    `json:"province,omitempty"`
	At               time.Time `json:"at,omitzero"`
	// Kept says that the answer had been given before the file was uploaded.
	Kept bool `json:"kept,omitempty"`
}

// Outcome is what the database did. Result is none where it did nothing, and Why
// says why.
type Outcome struct {
	Result string `json:"result"`
	Why    string `json:"why,omitempty"`
	VDCode string `json:"vd_code,omitempty"`
	// Changed are the columns whose value is another one now.
	Changed []string `json:"changed,omitempty"`
	// Cleared are those of them that were emptied.
	Cleared []string       `json:"cleared,omitempty"`
	Before  map[string]any `json:"before,omitempty"`
	After   map[string]any `json:"after,omitempty"`
	DryRun  bool           `json:"dry_run,omitempty"`
}

// Sheet is a sheet of the report that the row stands on.
type Sheet struct {
	Name string `json:"name"`
	Row  int    `json:"row"`
}

// Reader reads histories. It is safe for concurrent use.
type Reader struct {
	store *events.Store
	db    *sqlx.DB
	// sheetsTime is how long the report may be searched.
	sheetsTime time.Duration
}

const defaultSheetsTime = 10 * time.Second

// NewReader returns a reader of the artifacts in store and of the outcomes in
// db.
func NewReader(store *events.Store, db *sqlx.DB) *Reader {
	return &Reader{store, db, defaultSheetsTime}
}

// Read returns the history of row n of a job that is validated. A row that the
// roll does not have is a *refusal.Error; the error wraps events.ErrMissing or
// events.ErrAltered where an artifact of the job is damaged.
func (r *Reader) Read(ctx context.Context, job *events.Job, n int) (*History, error) {
	h := &History{JobID: job.ID, Row: n, NoHeader: job.Uploaded.Mapping.NoHeader(),
		Rules: []Rule{}, Warnings: []records.Warning{}, Sheets: []Sheet{}}
	row, head, err := find(ctx, r.store, job.Validated.Rows, func(r *records.Row) int { return r.N - n })
	if err != nil {
		return nil, err
	}
	var reject *records.RejectedRow
	if row == nil {
		reject, head, err = find(ctx, r.store, job.Validated.Rejects, func(r *records.RejectedRow) int { return r.N - n })
		if err != nil {
			return nil, err
		}
		if reject == nil {
			return nil, refusal.New(refusal.CodeNotFound, "There is no such row in the roll, or it is blank.")
		}
	}
	h.addCells(head, row, reject)
	h.addRules(reject)
	if row == nil {
		h.IEC = Verdict{Status: "none", Why: "The row was left out, so the IEC was not asked."}
		h.Database = Outcome{Result: "none", Why: "The row was left out, so nothing was written."}
	} else if err := r.addResults(ctx, job, h); err != nil {
		return nil, err
	}
	if job.Reported != nil && job.Removed(job.Reported.Report) == nil {
		if err := r.findInReport(ctx, job.Reported.Report, h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// find returns the record for which compare is 0, nil for none. Records stand in
// the order of their rows.
func find[T records.Record](
	ctx context.Context, store *events.Store, a events.Artifact, compare func(*T) int,
) (*T, records.Header, error) {
	var head records.Header
	for record, err := range records.Each[T](ctx, store, a, &head) {
		if err != nil {
			return nil, head, err
		}
		switch c := compare(record); {
		case c == 0:
			return record, head, nil
		case c > 0:
			return nil, head, nil
		}
	}
	return nil, head, nil
}
