package verify

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/jobs"
	"rollcall.example/services/postgres/postgrestest"
	"rollcall.example/services/report"
)

// history stores a job to which all has happened that can, and its sequences by
// kind, of several of a kind the last.
func history(t *testing.T, srv *embedded.Server) (job events.Job, seqs []uint64, last map[events.Kind]uint64) {
	t.Helper()
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	job = eventstest.Upload(t, upload, events.User{ID: "alice", Role: "member"}, events.Artifact{}, events.Options{})
	seqs, last = []uint64{job.Seq}, map[events.Kind]uint64{job.Kind: job.Seq}
	add := func(log *events.Log, facts ...events.Fact) {
		for _, f := range facts {
			eventstest.Append(t, log, &job, f)
			seqs, last[job.Kind] = append(seqs, job.Seq), job.Seq
		}
	}
	again := &events.Retried{Stage: job.Stage, By: job.Owner}
	add(upload, &events.Cancelled{Stage: job.Stage, By: job.Owner}, again)
	for _, f := range eventstest.Facts(job.ID) {
		stage := job.Next()
		log := events.NewLog(eventstest.Connect(t, srv, string(stage)), stage, nil)
		if stage == events.StageIEC {
			add(log, &events.Warned{Stage: stage, Message: "Most calls are spent."})
		}
		if stage.MayPause() {
			add(log, &events.Paused{Stage: stage, Reason: events.PauseUnavailable, Message: "Wait.",
				ResumesAt: time.Now().UTC()}, &events.Resumed{Stage: stage})
		}
		if stage == events.StagePersistence {
			add(log, &events.Failed{Stage: stage, Code: "internal_error", Message: "Something went wrong.", Attempts: 5,
				Retryable: true})
			again = &events.Retried{Stage: stage, By: job.Owner}
			add(upload, again)
		}
		add(log, f)
	}
	return job, seqs, last
}

// listen begins a verification and keeps what it says, one thing a line.
func listen(cfg Config) (*verification, *strings.Builder) {
	said := &strings.Builder{}
	cfg.Say = func(f Finding) { fmt.Fprintf(said, "%s %s: %v\n", f.State, f.What, f.Err) }
	return &verification{Config: cfg}, said
}

// taker takes events out of the stream and looks what verify says of the job.
func taker(t *testing.T, srv *embedded.Server) func(job events.Job, gone ...uint64) (altered int, said string) {
	t.Helper()
	stream, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	operator := eventstest.Connect(t, srv, "investigator")
	return func(job events.Job, gone ...uint64) (int, string) {
		t.Helper()
		for _, seq := range gone {
			if err := stream.DeleteMsg(t.Context(), seq); err != nil {
				t.Fatal(err)
			}
		}
		v, said := listen(Config{JetStream: operator})
		if _, err := v.verifyEvents(t.Context(), job.ID); err != nil && !errors.Is(err, ErrAltered) {
			t.Fatal(err)
		}
		return v.altered, said.String()
	}
}

func TestVerifyNamesEachEventThatWasTakenOut(t *testing.T) {
	t.Parallel()
	srv := eventstest.Start(t)
	take := taker(t, srv)
	job, seqs, _ := history(t, srv)
	if altered, said := take(job); altered != 0 || len(seqs) != 14 {
		t.Fatalf("%d events: %s", len(seqs), said)
	}
	for i := range seqs[:len(seqs)-1] {
		job, seqs, _ := history(t, srv)
		if altered, said := take(job, seqs[i]); altered == 0 ||
			!strings.Contains(said, fmt.Sprintf("ALTERED event %d: event %d, after which it was stored, is not there",
				seqs[i+1], seqs[i])) {
			t.Errorf("without the one at %d: %s", i, said)
		}
	}
	for _, pair := range [][2]int{{1, 2}, {5, 6}, {8, 9}, {10, 11}, {0, 1}, {12, 11}} { // what is left could be a history
		job, seqs, _ := history(t, srv)
		if altered, said := take(job, seqs[pair[0]], seqs[pair[1]]); altered == 0 {
			t.Errorf("without %v: %s", pair, said)
		}
	}
}

// The last one leaves no trace in the stream, but the list of jobs has seen it.
func TestVerifyMissesTheLastEventByTheListOfJobs(t *testing.T) {
	t.Parallel()
	srv, db := eventstest.Start(t), postgrestest.New(t)
	take := taker(t, srv)
	job, seqs, _ := history(t, srv)
	log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	table := jobs.New(jobs.Config{DB: db, Log: log})
	if _, err := table.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	newest := func() (altered int, said string) {
		t.Helper()
		left, err := log.Load(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		v, heard := listen(Config{NewestSeq: table.Seq})
		if err := v.verifyNewest(t.Context(), &left); err != nil {
			t.Fatal(err)
		}
		return v.altered, heard.String()
	}
	if altered, said := newest(); altered != 0 {
		t.Errorf("all is there: %s", said)
	}
	gone := seqs[len(seqs)-1]
	if altered, said := take(job, gone); altered != 0 {
		t.Errorf("the stream alone told: %s", said)
	}
	if altered, said := newest(); altered != 1 || !strings.Contains(said, fmt.Sprintf("event %d is not there", gone)) {
		t.Errorf("the list did not tell: %s", said)
	}
}

// A stream that the server copied has no guards; then the causes tell what they can.
func TestVerifyReadsACopiedStream(t *testing.T) {
	t.Parallel()
	srv := eventstest.Start(t)
	job, _, last := history(t, srv)
	msgs, _, err := events.ReadBatch(t.Context(), eventstest.Connect(t, srv, "investigator"), events.StreamFacts,
		events.JobFilter(job.ID), 1)
	if err != nil {
		t.Fatal(err)
	}
	link := func(without uint64, guarded int) (err error) {
		c, left := chain{job: job.ID, seen: map[uint64]bool{}}, events.Job{}
		for i, m := range msgs {
			if m.Sequence == without {
				continue
			}
			copied := *m
			if copied.Header = maps.Clone(m.Header); i >= guarded {
				delete(copied.Header, events.HeaderExpectedSeq)
			}
			err = errors.Join(err, c.link(&copied, &left))
		}
		return err
	}
	if err := link(0, 0); err != nil {
		t.Errorf("all is there: %v", err)
	}
	if err := link(last[events.KindValidated], 0); err == nil {
		t.Error("without validated")
	}
	if err := link(0, 3); err == nil || !strings.Contains(err.Error(), "without a look") {
		t.Errorf("some have a guard: %v", err)
	}
}

// Whoever stores as a service what is no event of the job is found out, also
// where it has all that an event has.
func TestVerifyFindsEventsThatWerePutIn(t *testing.T) {
	srv := eventstest.Start(t)
	operator, iec := eventstest.Connect(t, srv, "investigator"), eventstest.Connect(t, srv, "iec")
	for name, forge := range map[string]func(job events.Job) error{
		"no headers": func(job events.Job) error {
			_, err := iec.Publish(t.Context(), events.Subject(job.ID, events.KindVerified), []byte(`{}`))
			return err
		},
		"a true event out of its turn": func(job events.Job) error {
			job.Kind, job.Stage = events.KindValidated, events.StageIEC
			_, err := events.NewLog(iec, events.StageIEC, nil).Append(t.Context(), &job, job.Seq, eventstest.Facts(job.ID)[1])
			return err
		},
	} {
		job, _, _ := history(t, srv)
		if err := forge(job); err != nil {
			t.Fatal(err)
		}
		v, said := listen(Config{JetStream: operator})
		if _, err := v.verifyEvents(t.Context(), job.ID); err != nil || v.altered != 1 {
			t.Errorf("%s: %v, %d altered\n%s", name, err, v.altered, said)
		}
	}
}

// A reported event put in place of the true one may name the true report, but not
// other counts than the stages had.
func TestVerifyComparesTheFigures(t *testing.T) {
	srv := eventstest.Start(t)
	stream, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	operator, service := eventstest.Connect(t, srv, "investigator"), eventstest.Connect(t, srv, "report")
	for inserts, altered := range map[int]int{0: 0, 7: 1} {
		job, _, seqs := history(t, srv)
		genuine := *job.Reported
		if err := stream.DeleteMsg(t.Context(), seqs[events.KindReported]); err != nil {
			t.Fatal(err)
		}
		log := events.NewLog(service, events.StageReport, nil)
		if job, err = log.Load(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		forged := &events.Reported{Report: genuine.Report, Validation: genuine.Validation,
			Database: events.DatabaseStats{Inserts: inserts}}
		// Another cause than the true one had, for the stream remembers its id.
		if _, err := log.Append(t.Context(), &job, seqs[events.KindVerified], forged); err != nil {
			t.Fatal(err)
		}
		v, said := listen(Config{JetStream: operator, Figures: report.CompleteStats})
		read, err := v.verifyEvents(t.Context(), job.ID)
		if err != nil || read.Reported == nil {
			t.Fatalf("%v\n%s", err, said)
		}
		if v.verifyFigures(&read); v.altered != altered {
			t.Errorf("%d inserts: %d altered\n%s", inserts, v.altered, said)
		}
	}
}
