package privacy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// Holdings is all that is held of a person.
type Holdings struct {
	// Member is the row of the table members, its columns by name; nil for none.
	Member json.RawMessage `json:"member"`
	// Changes are what jobs have noted about the member, rows of job_outcomes.
	Changes []json.RawMessage `json:"changes"`
	Jobs    []JobHoldings     `json:"jobs"`
	// Answer is the IEC's that is kept, nil for none or where its key is not known.
	Answer *records.Verdict `json:"iec_answer,omitempty"`
	// Busy are jobs that have not got far enough to be looked through, Unread those
	// with a file that cannot be.
	Busy   []string `json:"busy"`
	Unread []string `json:"unread"`
}

// JobHoldings are what is kept of a job about one person.
type JobHoldings struct {
	JobID      string    `json:"job_id"`
	FileName   string    `json:"file_name"`
	UploadedBy string    `json:"uploaded_by"`
	UploadedAt time.Time `json:"uploaded_at"`
	// Columns are the headers that the cells of rows and rejects belong to.
	Columns  []string               `json:"columns,omitempty"`
	Rows     []*records.Row         `json:"rows,omitempty"`
	Rejects  []*records.RejectedRow `json:"rejects,omitempty"`
	Verdicts []*records.Verdict     `json:"verdicts,omitempty"`
	Outcomes []*records.Outcome     `json:"outcomes,omitempty"`
	// InUpload and InReport say that the file names the person.
	InUpload bool `json:"in_upload"`
	InReport bool `json:"in_report"`
}

// Export collects all that is held of a person. Each job in which there is something
// gets a line in the audit first.
func (s *Service) Export(ctx context.Context, id string, by events.User, from string) (all Holdings, err error) {
	all = Holdings{Changes: []json.RawMessage{}, Jobs: []JobHoldings{}, Busy: []string{}, Unread: []string{}}
	if !valid(id) {
		return all, ErrNoID
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	for _, jobID := range sorted(jobs) {
		job := jobs[jobID]
		if !job.Ended() && job.Validated == nil {
			all.Busy = append(all.Busy, jobID)
			continue
		}
		h, err := s.search(ctx, job, id)
		if err != nil {
			return all, fmt.Errorf("export: job %s: %w", jobID, err)
		}
		if len(h.unread) > 0 {
			all.Unread = append(all.Unread, jobID)
		}
		if !h.anything() {
			continue
		}
		if err := s.audit(ctx, jobID, events.AccessExport, by, from); err != nil {
			return all, fmt.Errorf("export: %w", err)
		}
		all.Jobs = append(all.Jobs, JobHoldings{
			JobID: jobID, FileName: job.FileName, UploadedBy: job.Owner.ID, UploadedAt: job.CreatedAt, Columns: h.columns,
			Rows: h.rows, Rejects: h.rejects, Verdicts: h.verdicts, Outcomes: h.outcomes, InUpload: h.upload, InReport: h.report,
		})
	}
	var member []json.RawMessage
	for table, list := range map[string]*[]json.RawMessage{"members": &member, "job_outcomes": &all.Changes} {
		// As text: the driver hands out the bytes of its buffer.
		var rows []string
		if err := s.cfg.DB.SelectContext(ctx, &rows, `SELECT to_jsonb(t)::text FROM `+table+` t WHERE id_number = $1`, id); err != nil {
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
		if err := s.auditMember(ctx, id, events.AccessExport, by, from); err != nil {
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
