package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/verify"
)

// verifyAs runs the command as an operator and returns what it prints.
func verifyAs(t *testing.T, nats map[string]string, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(t.Context(), append([]string{"verify", "--nats", nats["NATS_URL"]}, args...), &out, &errs,
		func(name string) string { return nats[name] })
	return out.String(), err
}

func (r *goldenRig) verify(id string) (string, error) {
	r.t.Helper()
	return verifyAs(r.t, r.nats, id, "--database", r.database)
}

func TestVerifyNamesWhatWasAltered(t *testing.T) {
	for _, user := range []string{"upload", "validation", "iec", "persistence", "report"} {
		t.Setenv(embedded.PasswordVariable(user), "password-of-"+user)
	}
	r := newGoldenRig(t)
	job := r.run(r.file("hostile.xlsx"))
	said, err := r.verify(job.ID)
	if err != nil || strings.Count(said, "\nok ") != 12 || !strings.Contains(said, "Nothing was altered.") {
		t.Fatalf("%v\n%s", err, said)
	}
	if _, err := r.verify(events.NewJobID()); err == nil {
		t.Error("a job that does not exist is as it was")
	}
	undo := r.undoJob(job.ID)
	if said, err := r.verify(undo.ID); err != nil {
		t.Errorf("an undo: %v\n%s", err, said)
	}

	// Whoever has the files of the server can act as its services.
	reported := job.Reported.Report
	for user, list := range map[string][]events.Artifact{
		"upload": {job.Uploaded.File}, "validation": {job.Validated.Rows, job.Validated.Rejects},
		"iec": {job.Verified.Verdicts}, "persistence": {job.Persisted.Outcomes}, "report": {reported},
	} {
		for _, a := range list {
			put := r.objectReplacer(user, a)
			put([]byte("nothing of the kind"))
			said, err := r.verify(job.ID)
			if !errors.Is(err, verify.ErrAltered) || !strings.Contains(said, "ALTERED  "+a.Bucket+" "+a.Name+",") ||
				strings.Contains(said, "Nothing") {
				t.Errorf("%s: %v\n%s", a.Name, err, said)
			}
			// A report is made neither of the upload nor of itself.
			if made := strings.Contains(said, "ok       the report, made again"); made != (a == job.Uploaded.File ||
				a == reported) {
				t.Errorf("%s: the report made again: %v\n%s", a.Name, made, said)
			}
			put(nil)
		}
	}
	if said, err := r.verify(job.ID); err != nil {
		t.Fatalf("all is back: %v\n%s", err, said)
	}
	bucket, err := r.connectAs("report").ObjectStore(t.Context(), reported.Bucket)
	if err == nil {
		err = bucket.Delete(t.Context(), reported.Name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if said, err := r.verify(job.ID); !errors.Is(err, verify.ErrAltered) || strings.Count(said, "ALTERED") != 1 ||
		!strings.Contains(said, "ALTERED  REPORTS ") {
		t.Errorf("%v\n%s", err, said)
	}
}

// objectReplacer returns a function that replaces an object as a service. Nil restores it.
func (r *goldenRig) objectReplacer(user string, a events.Artifact) func([]byte) {
	r.t.Helper()
	password := r.nats[embedded.PasswordVariable("investigator")]
	from, err := r.connect("investigator", password).ObjectStore(r.t.Context(), a.Bucket)
	if err != nil {
		r.t.Fatal(err)
	}
	was, err := from.GetBytes(r.t.Context(), a.Name)
	if err != nil {
		r.t.Fatal(err)
	}
	to, err := r.connectAs(user).ObjectStore(r.t.Context(), a.Bucket)
	if err != nil {
		r.t.Fatal(err)
	}
	return func(data []byte) {
		r.t.Helper()
		if data == nil {
			data = was
		}
		if _, err := to.PutBytes(r.t.Context(), a.Name, data); err != nil {
			r.t.Fatal(err)
		}
	}
}

// connectAs connects with the permissions of a service.
func (r *goldenRig) connectAs(user string) jetstream.JetStream {
	r.t.Helper()
	return r.connect(user, "password-of-"+user)
}

func (r *goldenRig) connect(user, password string) jetstream.JetStream {
	r.t.Helper()
	js, err := events.Connect(events.Connection{URL: r.nats["NATS_URL"], User: user, Password: password})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(js.Conn().Close)
	return js
}
