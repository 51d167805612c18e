package main

import (
	"bytes"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// history stores a job that was cancelled and retried before it was done.
func history(t *testing.T, srv *embedded.Server) (job events.Job, seqs map[events.Kind]uint64) {
	t.Helper()
	upload := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	job = eventstest.Upload(t, upload, events.User{ID: "alice", Role: "member"}, events.Artifact{}, events.Options{})
	seqs = map[events.Kind]uint64{job.Kind: job.Seq}
	add := func(log *events.Log, f events.Fact) {
		eventstest.Append(t, log, &job, f)
		seqs[job.Kind] = job.Seq
	}
	add(upload, &events.Cancelled{Stage: job.Stage, By: job.Owner})
	add(upload, &events.Retried{Stage: job.Stage, By: job.Owner})
	for _, f := range eventstest.Facts(job.ID) {
		stage := job.Next()
		add(events.NewLog(eventstest.Connect(t, srv, string(stage)), stage, nil), f)
	}
	return job, seqs
}

func TestVerifyMissesEventsThatWereTakenOut(t *testing.T) {
	srv := eventstest.Start(t)
	stream, err := eventstest.Connect(t, srv, "provisioner").Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	operator := eventstest.Connect(t, srv, "operator")
	for _, gone := range [][]events.Kind{
		{}, {events.KindCancelled}, {events.KindRetried}, {events.KindCancelled, events.KindRetried},
		{events.KindValidated}, {events.KindVerified}, {events.KindPersisted}, {events.KindValidated, events.KindVerified},
	} {
		job, seqs := history(t, srv)
		for _, kind := range gone {
			if err := stream.DeleteMsg(t.Context(), seqs[kind]); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		v := &verification{out: &out}
		if _, err := v.events(t.Context(), operator, job.ID); err != nil || (v.altered > 0) != (len(gone) > 0) {
			t.Errorf("without %v: %v, %d altered\n%s", gone, err, v.altered, &out)
		}
	}
}

// Whoever stores as a service what is no event of the job is found out, also
// where it has all that an event has.
func TestVerifyFindsEventsThatWerePutIn(t *testing.T) {
	srv := eventstest.Start(t)
	operator, iec := eventstest.Connect(t, srv, "operator"), eventstest.Connect(t, srv, "iec")
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
		job, _ := history(t, srv)
		if err := forge(job); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		v := &verification{out: &out}
		if _, err := v.events(t.Context(), operator, job.ID); err != nil || v.altered != 1 {
			t.Errorf("%s: %v, %d altered\n%s", name, err, v.altered, &out)
		}
	}
}

// A reported event put in place of the true one may name the true report, but not
// other counts than the stages had.
func TestVerifyComparesTheFigures(t *testing.T) {
	srv := eventstest.Start(t)
	stream, err := eventstest.Connect(t, srv, "provisioner").Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	operator, service := eventstest.Connect(t, srv, "operator"), eventstest.Connect(t, srv, "report")
	for inserts, altered := range map[int]int{0: 0, 7: 1} {
		job, seqs := history(t, srv)
		genuine := *job.Reported
		if err := stream.DeleteMsg(t.Context(), seqs[events.KindReported]); err != nil {
			t.Fatal(err)
		}
		log := events.NewLog(service, events.StageReport, nil)
		if job, err = log.Load(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		forged := &events.Reported{Report: genuine.Report, Validation: genuine.Validation, Database: events.DatabaseStats{Inserts: inserts}}
		// Another cause than the true one had, for the stream remembers its id.
		if _, err := log.Append(t.Context(), &job, seqs[events.KindVerified], forged); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		v := &verification{out: &out}
		read, err := v.events(t.Context(), operator, job.ID)
		if err != nil || read.Reported == nil {
			t.Fatalf("%v\n%s", err, &out)
		}
		if v.figures(&read); v.altered != altered {
			t.Errorf("%d inserts: %d altered\n%s", inserts, v.altered, &out)
		}
	}
}
