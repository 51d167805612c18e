package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
)

// verify runs the command as an operator and returns what it prints.
func (r *goldenRig) verify(id string) (string, error) {
	r.t.Helper()
	var out, errs bytes.Buffer
	err := run(r.t.Context(), []string{"verify", id, "--nats", r.nats["NATS_URL"]}, &out, &errs, func(name string) string { return r.nats[name] })
	return out.String(), err
}

func TestVerifySaysWhatWasAltered(t *testing.T) {
	for _, user := range []string{"validation", "report"} {
		t.Setenv(embedded.PasswordVariable(user), "password-of-"+user)
	}
	r := newGoldenRig(t)
	job := r.run(r.file("hostile.xlsx"))
	said, err := r.verify(job.ID)
	if err != nil || strings.Count(said, "\nok ") != 8 || !strings.Contains(said, "Nothing was altered.") {
		t.Fatalf("%v\n%s", err, said)
	}
	if _, err := r.verify(events.NewJobID()); err == nil {
		t.Error("a job that does not exist is as it was")
	}
	undo := r.undo(job.ID)
	if said, err := r.verify(undo.ID); err != nil {
		t.Errorf("an undo: %v\n%s", err, said)
	}

	// Whoever has the files of the server can do as its services.
	validation, report := r.as("validation"), r.as("report")
	bucket, err := validation.ObjectStore(t.Context(), events.BucketRows)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.PutBytes(t.Context(), job.Validated.Rejects.Name, []byte("nobody was rejected")); err != nil {
		t.Fatal(err)
	}
	if bucket, err = report.ObjectStore(t.Context(), events.BucketReports); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Delete(t.Context(), job.Reported.Report.Name); err != nil {
		t.Fatal(err)
	}
	said, err = r.verify(job.ID)
	if err == nil || strings.Count(said, "ALTERED") != 3 || !strings.Contains(said, "ALTERED  ROWS "+job.Validated.Rejects.Name) ||
		!strings.Contains(said, "ALTERED  REPORTS ") || !strings.Contains(said, "ALTERED  the report, made again") || strings.Contains(said, "Nothing") {
		t.Errorf("%v\n%s", err, said)
	}
}

// as is a connection with the rights of a service.
func (r *goldenRig) as(user string) jetstream.JetStream {
	r.t.Helper()
	js, err := events.Connect(events.Connection{URL: r.nats["NATS_URL"], User: user, Password: "password-of-" + user})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(js.Conn().Close)
	return js
}
