package privacy

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/events/records"
	"rollcall.example/services/rejects"
	"rollcall.example/services/report"
	"rollcall.example/services/rows"
)

const (
	erasedID    = "8001015009087"
	erasedFirst = "Zanelexyz"
)

// placeRig is everything that may name a person, with one who is everywhere.
type placeRig struct {
	*fixture
	log    *cases.Log // as the API
	report *report.Service
	answer bool // whether the IEC's answer is cached
	job    events.Job
	waits  events.Job
}

func storeRecords[T records.Record](w *placeRig, user, bucket, name, id string, list ...T) events.Artifact {
	w.t.Helper()
	_, store := w.connectAs(user)
	out, err := records.NewWriter[T](store)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	for i := range list {
		if err := out.Write(&list[i]); err != nil {
			w.t.Fatal(err)
		}
	}
	head := records.Header{Artifact: strings.TrimSuffix(name, ".proposed"), JobID: id,
		Columns: []string{"ID Number", "Firstname", "Recruited By"}, Fields: map[string]int{"id_number": 0, "firstname": 1}}
	a, err := out.Store(w.t.Context(), store, bucket, id+"/"+name, head)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// put stores what write writes, as the report stage does.
func (w *placeRig) put(user, bucket, name string, write func(io.Writer) error) events.Artifact {
	w.t.Helper()
	_, store := w.connectAs(user)
	var text bytes.Buffer
	if err := write(&text); err != nil {
		w.t.Fatal(err)
	}
	a, err := store.Put(w.t.Context(), bucket, name, &text)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// makeJob makes a job that is complete, in each of whose artifacts the person is named.
func (w *placeRig) makeJob(result string) (job events.Job) {
	w.t.Helper()
	id := events.NewJobID()
	begun := &events.Uploaded{Owner: events.User{ID: "alice", Role: "member"}, FileName: erasedID + ".csv",
		File: w.put("upload", events.BucketUploads, id+"/upload.csv", func(to io.Writer) error {
			_, err := io.WriteString(to, "ID Number,Firstname\n"+erasedID+","+erasedFirst+"\n")
			return err
		})}
	begun.JobID = id
	upload, _ := w.connectAs("upload")
	if _, err := upload.Append(w.t.Context(), &job, 0, begun); err != nil {
		w.t.Fatal(err)
	}
	as := func(stage events.Stage, fact events.Fact) {
		log, _ := w.connectAs(string(stage))
		eventstest.Append(w.t, log, &job, fact)
	}
	about := "by " + erasedID + " " + erasedFirst
	as("validation", &events.Validated{
		Rows: storeRecords(w, "validation", events.BucketRows, "rows", id,
			records.Row{N: 2, ID: erasedID, Fields: map[string]string{"firstname": erasedFirst},
				Cells: []string{erasedID, erasedFirst, ""}},
			records.Row{N: 3, ID: "9001010001088", Fields: map[string]string{"firstname": "Sipho"},
				Cells: []string{"9001010001088", "Sipho", about}}),
		Rejects: storeRecords(w, "validation", events.BucketRows, "rejects", id,
			records.RejectedRow{N: 4, Code: records.RejectDuplicate, Message: "Twice.", ID: erasedID, FirstRow: 2,
				Rows: []int{2, 4}, Count: 2, Cell: erasedID, Cells: []string{erasedID, erasedFirst, "other"}})})
	as("iec", &events.Verified{Verdicts: storeRecords(w, "iec", events.BucketVerdicts, "verdicts", id,
		records.Verdict{N: 2, Status: records.Registered, Station: about},
		records.Verdict{N: 3, Status: records.Registered, Station: about})})
	outcomes := []records.Outcome{{N: 2, Result: result}, {N: 3, Result: records.Refused, Error: about}}
	as("persistence", &events.Proposed{Reason: events.ProposedNoWrite, Digest: strings.Repeat("0", 64),
		Outcomes: storeRecords(w, "persistence", events.BucketOutcomes, "outcomes.proposed", id, outcomes...)})
	as("upload", &events.Approved{By: events.User{ID: "bob", Role: "national_admin"}})
	as("persistence", &events.Persisted{
		Outcomes: storeRecords(w, "persistence", events.BucketOutcomes, "outcomes", id, outcomes...)})
	_, store := w.connectAs("report")
	fact := &events.Reported{Inputs: job.Inputs(), WardTarget: 200,
		Report: w.put("report", events.BucketReports, id+"/report.xlsx", func(to io.Writer) error {
			return w.report.Rebuild(w.t.Context(), &job, to)
		})}
	toFix := w.put("report", events.BucketReports, id+"/rejects.xlsx", func(to io.Writer) error {
		return rejects.Write(w.t.Context(), store, &job, to)
	})
	index := w.put("report", events.BucketReports, id+"/index", func(to io.Writer) error {
		out, err := rows.NewWriter(store, &job)
		if err != nil {
			return err
		}
		defer func() { _ = out.Close() }()
		if err := out.Add(rows.Entry{N: 2, Row: &records.Row{N: 2, ID: erasedID,
			Fields: map[string]string{"firstname": erasedFirst}}}); err != nil {
			return err
		}
		file, err := out.Finish()
		if err != nil {
			return err
		}
		_, err = io.Copy(to, file)
		return err
	})
	fact.Rejects, fact.Index = &toFix, &index
	as("report", fact)
	return job
}

// texts returns what stands in an object, or "" where there is none any more.
func (w *placeRig) texts(a events.Artifact) string {
	w.t.Helper()
	_, store := w.connectAs("privacy")
	file, err := store.Fetch(w.t.Context(), a)
	if errors.Is(err, events.ErrMissing) {
		return ""
	}
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	return textsOfFile(w.t, file, a.Size)
}

// textsOfFile returns the texts of a workbook, or of a file with frames of zstd, or the
// bytes of another one.
func textsOfFile(t *testing.T, file *os.File, size int64) string {
	t.Helper()
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var all strings.Builder
	if zr, err := zip.NewReader(bytes.NewReader(data), size); err == nil {
		for _, f := range zr.File {
			part, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(&all, part); err != nil {
				t.Fatal(err)
			}
		}
		return all.String()
	}
	zr, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	all.Write(data)
	for _, frame := range bytes.SplitAfter(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) { // each begins so
		text, _ := zr.DecodeAll(append([]byte{0x28, 0xb5, 0x2f, 0xfd}, frame...), nil)
		all.Write(text)
	}
	return all.String()
}

// table returns all texts of a table's rows.
func (w *placeRig) table(name string) string {
	w.t.Helper()
	var list []string
	if err := w.db.Select(&list, `SELECT to_jsonb(t)::text FROM `+name+` t`); err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

func (w *placeRig) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// stream returns the bodies of the messages of a stream.
func (w *placeRig) stream(name, subject string) string {
	w.t.Helper()
	var all strings.Builder
	js := eventstest.Connect(w.t, w.nats, "privacy")
	for m, err := range events.Messages(w.t.Context(), js, name, subject, 1) {
		if err != nil {
			w.t.Fatal(err)
		}
		all.Write(m.Data)
	}
	return all.String()
}

func newPlaceRig(t *testing.T) *placeRig {
	t.Helper()
	w := &placeRig{fixture: newFixture(t, Keep{}), answer: true}
	_, store := w.connectAs("report")
	w.report = report.New(report.Config{Store: store})
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	js := eventstest.Connect(t, w.nats, "privacy")
	own := report.New(report.Config{Store: w.cfg.Store})
	w.Service = New(Config{Log: w.cfg.Log, Store: w.cfg.Store, DB: w.db, Cases: cases.NewLog(js, "privacy", nil), Key: key,
		Rebuild:      own.Rebuild,
		ForgetAnswer: func(_ context.Context, id string) error { w.answer = w.answer && id != erasedID; return nil },
	})
	owner := eventstest.Connect(t, w.nats, eventstest.Owner)
	w.log = cases.NewLog(owner, "upload", nil)
	w.job, w.waits = w.makeJob(records.Inserted), w.makeJob(records.Transfer)
	w.exec(`INSERT INTO members (id_number, firstname, created_by_job, updated_by_job, created_at, updated_at)
VALUES ($1, $2, $3, $3, now(), now())`,
		erasedID, erasedFirst, w.job.ID)
	w.exec(`INSERT INTO members (id_number, firstname, residential_address, created_by_job, updated_by_job, created_at,
updated_at) VALUES ('9001010001088', 'Sipho', $1, $2, $2, now(), now())`, "with "+erasedID, w.job.ID)
	w.exec(`INSERT INTO job_ledger (job_id, written_at) VALUES ($1, now())`, w.job.ID)
	w.exec(`INSERT INTO job_outcomes (job_id, n, id_number, result, after) VALUES ($1, 2, $2, 'inserted', $3)`,
		w.job.ID, erasedID, `{"firstname": "`+erasedFirst+`"}`)
	w.exec(`INSERT INTO job_outcome_groups (job_id, result, first_id, last_id, id_numbers, ns, vd_codes)
VALUES ($1, 'unchanged', $2, 9001010001088, ARRAY[$2, 9001010001088], '{4,5}', '{32840123,NULL}')`, w.waits.ID,
		erasedID)
	w.exec(`INSERT INTO job_outcomes (job_id, n, id_number, result, error) VALUES ($1, 3, '9001010001088', 'refused', $2)`,
		w.job.ID, "of "+erasedID)
	w.exec(`INSERT INTO webhooks (id, owner_id, url, kinds, secret, created_at)
VALUES ('wh-1', 'alice', 'https://hook.example/', '{failed}', 'x', now())`)
	w.exec(`INSERT INTO webhook_deliveries (webhook_id, seq, job_id, kind, error) VALUES ('wh-1', 1, $1, 'failed', $2)`,
		w.job.ID, "about "+erasedID)
	for subject, text := range map[string]string{".info": "{}", ".part": "ID Number\n" + erasedID + "\n"} {
		if _, err := owner.Publish(t.Context(), "partial.alice.upload-1"+subject, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// The erasure searches each kind of place that may name a person, and none does afterwards.
func TestAnErasedPersonIsFoundInNoPlace(t *testing.T) {
	w := newPlaceRig(t)
	_, store := w.connectAs("upload")
	asked, err := w.log.Open(t.Context(), events.NewStore(eventstest.Connect(t, w.nats, eventstest.Owner)), w.cfg.Key,
		cases.Request{What: cases.Erase, ID: erasedID, By: events.User{ID: "olga", Role: "information_officer"},
			From: "127.0.0.1", Reason: "By letter."})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]func() string{
		"members":            func() string { return w.table("members") },
		"job_outcomes":       func() string { return w.table("job_outcomes") },
		"groups of outcomes": func() string { return w.table("job_outcome_groups") },
		"webhook deliveries": func() string { return w.table("webhook_deliveries") },
		"unfinished uploads": func() string { return w.stream(events.StreamPartial, "partial.>") },
		"the IEC's answers":  func() string { return map[bool]string{true: erasedID}[w.answer] },
		"the case's number": func() string {
			if w.texts(asked.Requested.Number) != "" { // it is sealed
				return erasedID
			}
			return ""
		},
	}
	for kind, job := range map[string]*events.Job{"": &w.job, " of a waiting job": &w.waits} {
		was := *job
		now := func() *events.Job {
			j, err := w.cfg.Log.Load(t.Context(), was.ID)
			if err != nil {
				t.Fatal(err)
			}
			return &j
		}
		for name, of := range map[string]func(*events.Job) events.Artifact{
			"upload":            func(j *events.Job) events.Artifact { return j.Uploaded.File },
			"rows":              func(j *events.Job) events.Artifact { return j.Validated.Rows },
			"rejects":           func(j *events.Job) events.Artifact { return j.Validated.Rejects },
			"verdicts":          func(j *events.Job) events.Artifact { return j.Verified.Verdicts },
			"outcomes":          func(j *events.Job) events.Artifact { return j.Persisted.Outcomes },
			"proposed outcomes": func(j *events.Job) events.Artifact { return j.Proposed.Outcomes },
			"report":            func(j *events.Job) events.Artifact { return j.Reported.Report },
			"rows to correct":   func(j *events.Job) events.Artifact { return *j.Reported.Rejects },
			"index of rows":     func(j *events.Job) events.Artifact { return *j.Reported.Index },
		} {
			// Neither what the job names now nor the object that was.
			places[name+kind] = func() string { return w.texts(of(&was)) + w.texts(of(now())) }
		}
		places["file name"+kind] = func() string { return now().FileName }
	}
	names := func(text string) bool {
		return strings.Contains(text, erasedID) || strings.Contains(strings.ToLower(text), strings.ToLower(erasedFirst))
	}
	for name, read := range places {
		if !names(read()) {
			t.Errorf("before the erasure, the person is not in %s", name)
		}
	}
	if err := w.Work(t.Context(), asked.ID); err != nil {
		t.Fatal(err)
	}
	for name, read := range places {
		t.Run(name, func(t *testing.T) {
			if names(read()) {
				t.Errorf("the person is still there")
			}
		})
	}
	t.Run("lists of rows", func(t *testing.T) {
		reader := rows.NewReader(store, nil)
		defer reader.Close()
		for _, id := range []string{w.job.ID, w.waits.ID} {
			job, err := w.cfg.Log.Load(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			x, done, err := reader.Open(t.Context(), &job)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for row, err := range x.Rows(t.Context(), rows.Filter{}, 0) {
				if n++; err != nil || row.N != 3 || names(row.Name+row.Reason) {
					t.Errorf("%+v, %v", row, err)
				}
			}
			if done(); n != 1 {
				t.Errorf("%d rows", n)
			}
		}
	})
	t.Run("events of cases", func(t *testing.T) {
		if text := w.stream(events.StreamCases, "case.>"); names(text) || text == "" {
			t.Errorf("%s", text)
		}
	})
}
