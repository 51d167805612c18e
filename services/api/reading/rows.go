package reading

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/csvfile"
	"rollcall.example/services/rows"
)

const (
	defaultRows = 100
	maxRows     = 1000

	ndjsonType = "application/x-ndjson"
	csvType    = "text/csv"
	jsonType   = "application/json"
)

// rowPage is a page of rows.
type rowPage struct {
	JobID  string        `json:"job_id"`
	Status events.Status `json:"status"`
	// Complete says that what became of the rows is known; before, it is what is known
	// so far. DryRun says that it was not written.
	Complete bool `json:"complete"`
	DryRun   bool `json:"dry_run"`
	// Total counts all rows, and Counts those of a status, whatever was searched for.
	Total  int            `json:"total"`
	Counts map[string]int `json:"counts"`
	Rows   []rows.Row     `json:"rows"`
	// Next is the cursor of the next page; none after the last one.
	Next string `json:"next_cursor,omitempty"`
}

// rowQuery is what was asked for.
type rowQuery struct {
	filter rows.Filter
	after  int
	limit  int // 0 means all
	as     string
}

// ListRows lists the rows of a job by pages, or as a stream where the client takes one.
func (d Desk) ListRows(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	job, err := d.LoadWith(r.Context(), r.PathValue("jobId"), who, rest.IsChecked)
	if err != nil {
		return nil, err
	}
	if job.Validated == nil {
		return nil, rest.NotReady("The rows have not been checked", &job)
	}
	q, err := parseRowQuery(r, &job)
	if err != nil {
		return nil, err
	}
	if err := rest.CheckKept(&job, "What happened to single rows", rows.Sources(&job)...); err != nil {
		return nil, err
	}
	tag := versionOf(r, &job, q)
	if r.Header.Get("If-None-Match") == tag {
		d.setVersion(w, tag)
		w.WriteHeader(http.StatusNotModified)
		return nil, nil
	}
	// A page of an index that is there costs no more than any other answer.
	if q.as != jsonType || !d.Rows.Kept(&job) {
		end, err := d.Downloads.Begin(who.ID)
		if err != nil {
			return nil, err
		}
		defer end()
	}
	ctx, cancel, explain := rest.LimitMaking(r)
	defer cancel()
	index, done, err := d.Rows.Open(ctx, &job)
	if err != nil {
		return nil, explain(err)
	}
	defer done()
	if q.as != jsonType {
		return nil, d.stream(w, r, &job, index, q, tag, who)
	}
	page, err := readPage(ctx, &job, index, q)
	if err != nil {
		return nil, explain(err)
	}
	if err := d.recordRows(r, who, job.ID, q); err != nil {
		return nil, err
	}
	d.setVersion(w, tag)
	return &rest.Result{Message: fmt.Sprintf("%d rows.", len(page.Rows)), Data: page}, nil
}

func (Desk) setVersion(w http.ResponseWriter, tag string) {
	w.Header().Set("ETag", tag)
	w.Header().Add("Vary", "Accept")
}

// recordRows records that somebody lists rows: each page in the audit. Who watches for
// people who read much hears of the first page only, since a list has many.
func (d Desk) recordRows(r *http.Request, who rest.Caller, jobID string, q rowQuery) error {
	if q.after > 0 {
		_, err := d.WriteAccess(r, who, jobID, events.AccessRows, 0)
		return err
	}
	d.Logger.InfoContext(r.Context(), "rows read", "job", jobID, "user", who.ID)
	return d.RecordAccess(r, who, jobID, events.AccessRows, 0)
}

func parseRowQuery(r *http.Request, job *events.Job) (q rowQuery, err error) {
	q.as = preferredType(r.Header.Get("Accept"))
	otherwise, most := 0, math.MaxInt32 // a stream has all rows
	if q.as == jsonType {
		otherwise, most = defaultRows, maxRows
	}
	if q.limit, err = rest.NumberParameter(r, "limit", otherwise, most); err != nil {
		return q, err
	}
	if q.filter, err = rows.ParseFilter(r.URL.Query()); err != nil {
		return q, err
	}
	q.after, err = rows.ParseCursor(job, q.filter, r.URL.Query().Get("cursor"))
	return q, err
}

// preferredType returns which of the forms of a list an Accept header asks for: JSON
// unless it likes a stream better.
func preferredType(accept string) string {
	best, weight := jsonType, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := parameters["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		switch media {
		case "*/*", "application/*":
			media = jsonType
		case "text/*":
			media = csvType
		case csvType, ndjsonType, jsonType:
		default:
			continue
		}
		if q > weight {
			best, weight = media, q
		}
	}
	return best
}

// versionOf returns the ETag of an answer: another one once it could say something else.
func versionOf(r *http.Request, job *events.Job, q rowQuery) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %s", job.ID, job.Seq, q.as, r.URL.RawQuery))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func readPage(ctx context.Context, job *events.Job, index *rows.Index, q rowQuery) (*rowPage, error) {
	page := &rowPage{JobID: job.ID, Status: job.Status, Complete: job.Persisted != nil || job.Ended(),
		DryRun: job.Options.DryRun || job.Proposed != nil && job.Persisted == nil,
		Total:  index.Total(), Counts: index.Counts(), Rows: make([]rows.Row, 0, min(q.limit, index.Total()))}
	for row, err := range index.Rows(ctx, q.filter, q.after) {
		if err != nil {
			return nil, err
		}
		if len(page.Rows) == q.limit {
			page.Next = rows.NewCursor(job, q.filter, page.Rows[q.limit-1].N)
			break
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// stream sends the rows one by one. Where it cannot go on it breaks the connection, so
// that nobody takes what has come for all there is.
func (d Desk) stream(
	w http.ResponseWriter, r *http.Request, job *events.Job, index *rows.Index, q rowQuery, tag string, who rest.Caller,
) error {
	if err := d.recordRows(r, who, job.ID, q); err != nil {
		return err
	}
	name, media := "rows.ndjson", ndjsonType
	if q.as == csvType {
		name, media = "rows.csv", csvfile.MediaType
	}
	d.setVersion(w, tag)
	w.Header().Set("Content-Type", media)
	name = strings.TrimSuffix(job.FileName, path.Ext(job.FileName)) + " - " + name
	w.Header().Set("Content-Disposition", rest.Attachment(name))
	if r.Method == http.MethodHead {
		return nil
	}
	to := bufio.NewWriterSize(w, 32<<10)
	write, flush := rowsAsJSON(to)
	if q.as == csvType {
		write, flush = rowsAsCSV(to)
	}
	sent := 0
	for row, err := range index.Rows(r.Context(), q.filter, q.after) {
		if err == nil {
			err = write(row)
		}
		if err != nil {
			d.BreakOff(r, "rows", err)
		}
		if sent++; sent == q.limit {
			break
		}
	}
	if err := flush(); err != nil {
		d.BreakOff(r, "rows", err)
	}
	return nil
}

func rowsAsJSON(to *bufio.Writer) (write func(rows.Row) error, flush func() error) {
	encoder := json.NewEncoder(to)
	return func(row rows.Row) error { return encoder.Encode(row) }, to.Flush
}

func rowsAsCSV(to *bufio.Writer) (write func(rows.Row) error, flush func() error) {
	file := csvfile.NewWriter(to)
	cells := []string{"row", "status", "statuses", "codes", "id", "name", "outcome", "reason"}
	failed := file.Write(cells)
	write = func(row rows.Row) error {
		cells = append(cells[:0], strconv.Itoa(row.N), row.Status, strings.Join(row.Statuses, ";"),
			strings.Join(row.Codes, ";"), row.ID, row.Name, row.Outcome, row.Reason)
		return file.Write(cells)
	}
	return write, func() error {
		if err := errors.Join(failed, file.Flush()); err != nil {
			return err
		}
		return to.Flush()
	}
}
