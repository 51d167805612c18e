package upload

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/workbook"
)

// passport is everything that happened to one row of a job.
type passport struct {
	JobID string `json:"job_id"`
	Row   int    `json:"row"`
	// Accepted says whether the row went on after validation.
	Accepted bool              `json:"accepted"`
	Cells    []cellRead        `json:"cells"`
	Rules    []ruleAnswer      `json:"rules"`
	Warnings []records.Warning `json:"warnings"`
	IEC      rowVerdict        `json:"iec"`
	Database rowOutcome        `json:"database"`
	Sheets   []reportSheet     `json:"report_sheets"`
}

// cellRead is a cell, and what it was understood as.
type cellRead struct {
	Column string `json:"column"`
	Text   string `json:"text"`
	Field  string `json:"field,omitempty"`
	Value  string `json:"value,omitempty"`
}

// ruleAnswer is what a rule said: passed, failed, or not_reached after one that failed.
type ruleAnswer struct {
	Rule    string `json:"rule"`
	Answer  string `json:"answer"`
	Message string `json:"message,omitempty"`
}

// rules are those that decide about a row, in their order.
var rules = []string{records.RejectMissing, records.RejectFormat, records.RejectChecksum, records.RejectDate, records.RejectDuplicate}

// rowVerdict is the IEC's answer. Status is none where there is no answer, and Why
// says why.
type rowVerdict struct {
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

// rowOutcome is what the database did. Result is none where it did nothing, and
// Why says why.
type rowOutcome struct {
	Result  string         `json:"result"`
	Why     string         `json:"why,omitempty"`
	VDCode  string         `json:"vd_code,omitempty"`
	Changed []string       `json:"changed,omitempty"`
	Before  map[string]any `json:"before,omitempty"`
	After   map[string]any `json:"after,omitempty"`
	DryRun  bool           `json:"dry_run,omitempty"`
}

// reportSheet is a sheet of the report that the row stands on.
type reportSheet struct {
	Name string `json:"name"`
	Row  int    `json:"row"`
}

func (s *Service) row(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	job, err := s.load(r.Context(), r.PathValue("jobId"), who)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		return nil, refuse("bad_request", "The row must be its number in the uploaded sheet, from 1 on.")
	}
	if job.Validated == nil {
		return nil, notReady("The rows have not been checked", &job)
	}
	if err := gone(&job, "What happened to single rows", job.Validated.Rows, job.Validated.Rejects); err != nil {
		return nil, err
	}
	p, err := s.passport(r.Context(), &job, n)
	if err != nil {
		return nil, damaged(err)
	}
	if err := s.audited(r, who, job.ID, events.AccessRow, n); err != nil {
		return nil, err
	}
	s.cfg.Logger.InfoContext(r.Context(), "row read", "job", job.ID, "row", n, "user", who.ID)
	return &result{message: fmt.Sprintf("Row %d.", n), data: p}, nil
}

func (s *Service) passport(ctx context.Context, job *events.Job, n int) (*passport, error) {
	p := &passport{JobID: job.ID, Row: n, Rules: []ruleAnswer{}, Warnings: []records.Warning{}, Sheets: []reportSheet{}}
	row, head, err := find(ctx, s.cfg.Store, job.Validated.Rows, func(r *records.Row) int { return r.N - n })
	if err != nil {
		return nil, err
	}
	var reject *records.RejectedRow
	if row == nil {
		reject, head, err = find(ctx, s.cfg.Store, job.Validated.Rejects, func(r *records.RejectedRow) int { return r.N - n })
		if err != nil {
			return nil, err
		}
		if reject == nil {
			return nil, refuse("not_found", "There is no such row in the roll, or it is blank.")
		}
	}
	p.judged(head, row, reject)
	if row == nil {
		p.IEC = rowVerdict{Status: "none", Why: "The row was left out, so the IEC was not asked."}
		p.Database = rowOutcome{Result: "none", Why: "The row was left out, so nothing was written."}
	} else if err := s.fate(ctx, job, p); err != nil {
		return nil, err
	}
	if job.Reported != nil && job.Removed(job.Reported.Report) == nil {
		p.Sheets, err = s.sheetsWith(ctx, job.Reported.Report, n)
	}
	return p, err
}

// find is the record for which where is 0, nil for none. Records stand in the
// order of their rows.
func find[T records.Record](ctx context.Context, store *events.Store, a events.Artifact, where func(*T) int) (*T, records.Header, error) {
	var head records.Header
	for record, err := range records.Each[T](ctx, store, a, &head) {
		if err != nil {
			return nil, head, err
		}
		switch at := where(record); {
		case at == 0:
			return record, head, nil
		case at > 0:
			return nil, head, nil
		}
	}
	return nil, head, nil
}

// judged tells the cells and what each rule said.
func (p *passport) judged(head records.Header, row *records.Row, reject *records.RejectedRow) {
	fields := make(map[int]string, len(head.Fields))
	for field, i := range head.Fields {
		fields[i] = field
	}
	var cells []string
	failed := ""
	if row != nil {
		cells, p.Accepted = row.Cells, true
		p.Warnings = append(p.Warnings, row.Warnings...)
	} else {
		cells, failed = reject.Cells, reject.Code
	}
	for i := range max(len(cells), len(head.Columns)) {
		c := cellRead{Column: at(head.Columns, i), Text: at(cells, i), Field: fields[i]}
		if row != nil && c.Field != "" {
			c.Value = row.Fields[c.Field]
			if i == head.Fields["id_number"] {
				c.Value = row.ID
			}
		}
		p.Cells = append(p.Cells, c)
	}
	answer := "passed"
	for _, rule := range rules {
		a := ruleAnswer{Rule: rule, Answer: answer}
		if rule == failed {
			a.Answer, a.Message, answer = "failed", reject.Message, "not_reached"
		}
		p.Rules = append(p.Rules, a)
	}
}

// fate tells what the IEC and the database said of a row that was accepted.
func (s *Service) fate(ctx context.Context, job *events.Job, p *passport) error {
	p.IEC = rowVerdict{Status: "none", Why: "The job has not got that far."}
	p.Database = rowOutcome{Result: "none", Why: "The job has not got that far."}
	if job.Verified == nil {
		return nil
	}
	v, _, err := find(ctx, s.cfg.Store, job.Verified.Verdicts, func(v *records.Verdict) int { return v.N - p.Row })
	if err != nil {
		return err
	}
	if v != nil {
		p.IEC = rowVerdict{
			Status: string(v.Status), Why: v.Reason, VoterStatus: v.VoterStatus, Ward: v.Ward, VD: v.VD, Station: v.Station,
			MunicipalityCode: v.MunicipalityCode, Municipality: v.Municipality, Province: v.Province, At: v.At,
			Kept: !v.At.IsZero() && v.At.Before(job.CreatedAt),
		}
	}
	if job.Persisted == nil {
		return nil
	}
	o, _, err := find(ctx, s.cfg.Store, job.Persisted.Outcomes, func(o *records.Outcome) int { return o.N - p.Row })
	if err != nil || o == nil {
		return err
	}
	p.Database = rowOutcome{Result: o.Result, Why: o.Error, VDCode: o.VD, Changed: o.Changed, DryRun: job.Options.DryRun}
	return s.images(ctx, job.ID, p)
}

// images tells all that was overwritten. The artifact has ward and voting district
// only, and of a dry run there is no more than that.
func (s *Service) images(ctx context.Context, jobID string, p *passport) error {
	var images struct {
		Before []byte `db:"before"`
		After  []byte `db:"after"`
	}
	err := s.cfg.DB.GetContext(ctx, &images, `SELECT before, after FROM job_outcomes WHERE job_id = $1 AND n = $2`, jobID, p.Row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read outcome: %w", err)
	}
	for from, to := range map[*[]byte]*map[string]any{&images.Before: &p.Database.Before, &images.After: &p.Database.After} {
		if *from == nil {
			continue
		}
		if err := json.Unmarshal(*from, to); err != nil {
			return fmt.Errorf("read outcome: %w", err)
		}
	}
	return nil
}

// sheetsWith looks into the report itself: its sheets name in their first column
// the row of the upload, in that order.
func (s *Service) sheetsWith(ctx context.Context, report events.Artifact, n int) ([]reportSheet, error) {
	file, err := s.cfg.Store.Fetch(ctx, report)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // a local copy
	book, err := workbook.Open(file, report.Size, workbook.Limits{})
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	defer func() { _ = book.Close() }() // a reader
	list := []reportSheet{}
	want := strconv.Itoa(n)
	for _, sheet := range book.Sheets[1:] { // the first is the summary
		for row, err := range sheet.Rows() {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return nil, fmt.Errorf("read report: %w", err)
			}
			if len(row.Cells) == 0 || row.Cells[0].Kind != workbook.Number {
				continue
			}
			if row.Cells[0].Text == want {
				list = append(list, reportSheet{sheet.Name, row.N})
				break
			}
			if at, err := strconv.Atoi(row.Cells[0].Text); err != nil || at > n {
				break
			}
		}
	}
	return slices.Clip(list), nil
}
