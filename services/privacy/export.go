package privacy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
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
	// Objected says whether the person is on the list of objections.
	Objected bool `json:"objected"`
	// Uploads are jobs that the person has uploaded, as a user whose token has the ID
	// number, and Accesses what the person has read as that user.
	Uploads  []string        `json:"uploads"`
	Accesses []events.Access `json:"accesses"`
	// Unfinished counts uploads that have not arrived whole and name the person.
	Unfinished int `json:"unfinished_uploads"`
	// Elsewhere are events, and rows and texts of others in the database, that name
	// the person. Possible are places with something like the ID number.
	Elsewhere []cases.Place `json:"elsewhere"`
	Possible  []cases.Place `json:"possible"`
	// More counts places that are not listed because there are too many.
	More int `json:"more_places,omitempty"`
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
	// Mentions are texts that name the person in rows of others.
	Mentions []mention `json:"mentions,omitempty"`
	// InUpload, InReport and InFileName are true if the file or its name has the ID
	// number.
	InUpload   bool `json:"in_upload"`
	InReport   bool `json:"in_report"`
	InFileName bool `json:"in_file_name,omitempty"`
}

// export collects all data that is held about a person.
func (s *Service) export(ctx context.Context, c *cases.Case, p *subject) (all Holdings, err error) {
	all = Holdings{Changes: []json.RawMessage{}, Jobs: []JobHoldings{}, Uploads: []string{},
		Accesses: []events.Access{}, Elsewhere: []cases.Place{}, Possible: []cases.Place{}}
	k, err := s.searchJobs(ctx, p, 0, true)
	if err != nil {
		return all, err
	}
	all.Busy, all.Unread = k.busy, k.unread
	all.Uploads = append(all.Uploads, k.uploads...)
	elsewhere, possible := k.inLog, places{}
	for _, id := range sortedIDs(k.jobs) {
		f, job := k.found[id], k.jobs[id]
		if f == nil {
			continue
		}
		possible.add(f.possible(id)...)
		if !f.hasAny() {
			continue
		}
		if err := s.writeAudit(ctx, c, id, events.AccessExport); err != nil {
			return all, err
		}
		all.Jobs = append(all.Jobs, JobHoldings{
			JobID: id, FileName: job.FileName, UploadedBy: job.Owner.ID, UploadedAt: job.CreatedAt,
			Columns: f.columns, Rows: f.rows, Rejects: f.rejects, Verdicts: f.verdicts, Outcomes: f.outcomes,
			Mentions: f.mentions, InUpload: f.upload, InReport: f.report, InFileName: f.fileName,
		})
	}
	if err := s.exportRows(ctx, p, &all); err != nil {
		return all, err
	}
	tables, err := s.searchTables(ctx, s.cfg.DB, k.jobs, p)
	if err != nil {
		return all, err
	}
	elsewhere.add(tables.named.list...)
	possible.add(tables.mayBe.list...)
	all.Elsewhere, all.Possible = append(all.Elsewhere, elsewhere.list...), append(all.Possible, possible.list...)
	all.More = elsewhere.more + possible.more + tables.named.more + tables.mayBe.more
	uploads, err := s.searchPartials(ctx, p)
	if err != nil {
		return all, err
	}
	all.Unfinished = len(uploads)
	for a, err := range events.ReadAccesses(ctx, s.cfg.Log.JetStream(), "") {
		if err != nil {
			return all, err
		}
		if p.isUploader(a.By.ID) {
			a.Prev = nil // is about somebody else's access
			all.Accesses = append(all.Accesses, a)
		}
	}
	if s.cfg.Answer != nil {
		if all.Answer, err = s.cfg.Answer(ctx, p.id); err != nil {
			return all, err
		}
	}
	all.Objected, err = person.HasObjected(ctx, s.cfg.Log.JetStream(), s.cfg.Key.Hash(p.id))
	return all, err
}

// exportRows adds the person's rows of the database.
func (s *Service) exportRows(ctx context.Context, p *subject, all *Holdings) error {
	var member []json.RawMessage
	for query, list := range map[string]*[]json.RawMessage{
		`SELECT (to_jsonb(m) - 'row_digest')::text FROM members m WHERE id_number = $1`: &member,
		`SELECT to_jsonb(o)::text FROM outcomes_of($1) o`:                               &all.Changes,
	} {
		// As text, because the driver reuses its buffer of bytes.
		var rows []string
		if err := s.cfg.DB.SelectContext(ctx, &rows, query, p.id); err != nil {
			return fmt.Errorf("export rows: %w", err)
		}
		for _, row := range rows {
			*list = append(*list, json.RawMessage(row))
		}
	}
	if len(member) > 0 {
		all.Member = member[0]
	}
	return nil
}

// summarise returns what the case's event says of an export.
func (h *Holdings) summarise() cases.Result {
	r := newResult()
	for _, j := range h.Jobs {
		r.Jobs = append(r.Jobs, j.JobID)
		r.Mentions += len(j.Mentions)
	}
	if h.Member != nil {
		r.Members = 1
	}
	r.Outcomes, r.Unfinished, r.Answer, r.Objected = int64(len(h.Changes)), h.Unfinished, h.Answer != nil, h.Objected
	r.Remains, r.Possible = append(r.Remains, h.Elsewhere...), append(r.Possible, h.Possible...)
	r.More, r.Busy, r.Unread = h.More, h.Busy, h.Unread
	return r
}

// maxExport is how many bytes an export may have. It is sealed as a whole.
const maxExport = 64 << 20

var errExportTooLarge = errors.New("the export is too large")

func (h *Holdings) encode() ([]byte, error) {
	text, err := json.MarshalIndent(h, "", "  ")
	if err == nil && len(text) > maxExport {
		err = errExportTooLarge
	}
	return text, err
}
