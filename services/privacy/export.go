package privacy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// Holdings is all data that is held about a person.
type Holdings struct {
	// Member is the row of the table members, its columns by name; nil for none.
	Member json.RawMessage `json:"member"`
	// Changes are the rows of job_outcomes about the person.
	Changes []json.RawMessage `json:"changes"`
	Jobs    []JobHoldings     `json:"jobs"`
	// Answer is the cached answer of the IEC, nil for none or without the cache's key.
	Answer *records.Verdict `json:"iec_answer,omitempty"`
	// Busy are jobs that are still in validation, so that they cannot be searched.
	// Unread are jobs with an artifact or a file that could not be searched.
	Busy   []string `json:"busy"`
	Unread []string `json:"unread"`
}

// JobHoldings is the data that a job holds about a person.
type JobHoldings struct {
	JobID      string    `json:"job_id"`
	FileName   string    `json:"file_name"`
	UploadedBy string    `json:"uploaded_by"`
	UploadedAt time.Time `json:"uploaded_at"`
	// Columns are the headers of the cells in Rows and Rejects.
	Columns  []string               `json:"columns,omitempty"`
	Rows     []*records.Row         `json:"rows,omitempty"`
	Rejects  []*records.RejectedRow `json:"rejects,omitempty"`
	Verdicts []*records.Verdict     `json:"verdicts,omitempty"`
	Outcomes []*records.Outcome     `json:"outcomes,omitempty"`
	// InUpload and InReport are true if a cell of the file has the ID number.
	InUpload bool `json:"in_upload"`
	InReport bool `json:"in_report"`
}

// Export collects all data that is held about a person. First it writes an audit
// record for each job that holds the person.
func (s *Service) Export(ctx context.Context, id string, by events.User, from string) (all Holdings, err error) {
	all = Holdings{Changes: []json.RawMessage{}, Jobs: []JobHoldings{}, Busy: []string{}, Unread: []string{}}
	if !isIDNumber(id) {
		return all, ErrNoID
	}
	jobs, err := s.loadJobs(ctx)
	if err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	for _, jobID := range sortedIDs(jobs) {
		job := jobs[jobID]
		if !job.Ended() && job.Validated == nil {
			all.Busy = append(all.Busy, jobID)
			continue
		}
		f, err := s.search(ctx, job, id)
		if err != nil {
			return all, fmt.Errorf("export: job %s: %w", jobID, err)
		}
		if len(f.unread) > 0 {
			all.Unread = append(all.Unread, jobID)
		}
		if !f.hasAny() {
			continue
		}
		if err := s.writeAudit(ctx, jobID, events.AccessExport, by, from); err != nil {
			return all, fmt.Errorf("export: %w", err)
		}
		all.Jobs = append(all.Jobs, JobHoldings{
			JobID: jobID, FileName: job.FileName, UploadedBy: job.Owner.ID, UploadedAt: job.CreatedAt,
			Columns: f.columns, Rows: f.rows, Rejects: f.rejects, Verdicts: f.verdicts, Outcomes: f.outcomes,
			InUpload: f.upload, InReport: f.report,
		})
	}
	var member []json.RawMessage
	for table, list := range map[string]*[]json.RawMessage{"members": &member, "job_outcomes": &all.Changes} {
		// As text, because the driver reuses its buffer of bytes.
		var rows []string
		query := `SELECT to_jsonb(t)::text FROM ` + table + ` t WHERE id_number = $1`
		if err := s.cfg.DB.SelectContext(ctx, &rows, query, id); err != nil {
			return all, fmt.Errorf("export %s: %w", table, err)
		}
		for _, row := range rows {
			*list = append(*list, json.RawMessage(row))
		}
	}
	if len(member) > 0 {
		all.Member = member[0]
	}
	if len(all.Jobs) == 0 {
		if err := s.writeMemberAudit(ctx, id, events.AccessExport, by, from); err != nil {
			return all, fmt.Errorf("export: %w", err)
		}
	}
	if s.cfg.Answer != nil {
		if all.Answer, err = s.cfg.Answer(ctx, id); err != nil {
			return all, fmt.Errorf("export: %w", err)
		}
	}
	return all, nil
}
