// Package eventstest runs rollcall's NATS for tests: the shipped nats.conf, all
// users with their real permissions, streams provisioned. Imported from
// _test.go files only.
package eventstest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/stage"
	"rollcall.example/schema"
)

// Start runs a provisioned server until the test ends. Then every event and
// every progress that was stored is held against its JSON Schema.
func Start(t testing.TB) *embedded.Server {
	t.Helper()
	return StartWith(t, nil)
}

// StartWith is Start with another nats.conf; nil means the shipped one.
func StartWith(t testing.TB, conf []byte) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: conf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	js := Connect(t, srv, "provisioner")
	if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { CheckSchemas(t, js) })
	return srv
}

// Connect opens a connection as one user of nats.conf until the test ends.
func Connect(t testing.TB, srv *embedded.Server, user string) jetstream.JetStream {
	t.Helper()
	js, err := srv.Connect(user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(js.Conn().Close)
	return js
}

// CheckSchemas holds all that the streams store against its JSON Schema. The
// connection needs the right to read them.
func CheckSchemas(t testing.TB, js jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for stream, filter := range map[string]string{events.StreamFacts: "bulk.>", events.StreamProgress: "bulk.>", events.StreamAudit: "audit.>"} {
		for m, err := range events.Messages(ctx, js, stream, filter, 1) {
			if err != nil {
				t.Errorf("read %s: %v", stream, err)
				return
			}
			checkSchema(t, m)
		}
	}
}

func checkSchema(t testing.TB, m *jetstream.RawStreamMsg) {
	t.Helper()
	if strings.HasPrefix(m.Subject, "audit.") {
		checkAgainst(t, "access", m)
		return
	}
	_, kind, err := events.ParseSubject(m.Subject)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := events.Decode(m.Subject, m.Header, m.Data, m.Sequence); kind != events.KindProgress && err != nil {
		return // a test's forgery, which nobody believes
	}
	checkAgainst(t, string(kind), m)
}

// hold holds a message against a schema.
func checkAgainst(t testing.TB, name string, m *jetstream.RawStreamMsg) {
	t.Helper()
	s, err := schema.Event(name)
	if err != nil {
		t.Error(err)
		return
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Data))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Errorf("%s is not what its schema says: %v\n%s", m.Subject, err, m.Data)
	}
}

// Upload appends the uploaded fact of a new job and returns the job.
func Upload(t testing.TB, log *events.Log, owner events.User, file events.Artifact, opts events.Options) events.Job {
	t.Helper()
	id := events.NewJobID()
	if file.Name == "" {
		file = FakeArtifact(events.BucketUploads, id+"/upload.xlsx")
	}
	fact := &events.Uploaded{Owner: owner, FileName: "roll.xlsx", File: file, Options: opts}
	fact.JobID = id
	var job events.Job
	if _, err := log.Append(t.Context(), &job, 0, fact); err != nil {
		t.Fatal(err)
	}
	return job
}

// Append appends facts to a job, one the cause of the next.
func Append(t testing.TB, log *events.Log, job *events.Job, facts ...events.Fact) {
	t.Helper()
	for _, f := range facts {
		for {
			_, err := log.Append(t.Context(), job, job.Seq, f)
			if errors.Is(err, events.ErrConflict) {
				if *job, err = log.Load(t.Context(), job.ID); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
}

// FakeArtifact names an object that does not exist.
func FakeArtifact(bucket, name string) events.Artifact {
	return events.Artifact{Bucket: bucket, Name: name, SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
}

// Facts are the facts with which a job of id passes all stages, after uploaded.
func Facts(id string) []events.Fact {
	return []events.Fact{
		&events.Validated{Rows: FakeArtifact(events.BucketRows, id+"/rows"), Rejects: FakeArtifact(events.BucketRows, id+"/rejects")},
		&events.Verified{Verdicts: FakeArtifact(events.BucketVerdicts, id+"/verdicts")},
		&events.Persisted{Outcomes: FakeArtifact(events.BucketOutcomes, id+"/outcomes")},
		&events.Reported{Report: FakeArtifact(events.BucketReports, id+"/report.xlsx")},
	}
}

// Wait returns as soon as cond holds. It asks again and again and fails the
// test after ten seconds.
func Wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	WaitFor(t, 10*time.Second, what, cond)
}

// WaitFor is Wait with another limit, for what needs a process to start or a
// real pause to end.
func WaitFor(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// RunStage runs a handler as one of the stages, as its user of nats.conf, until
// the test ends. Failures are tried again at once.
func RunStage(t testing.TB, srv *embedded.Server, name events.Stage, h stage.Handler) {
	t.Helper()
	r := &stage.Runner{
		Log: events.NewLog(Connect(t, srv, string(name)), name, nil), Stage: name, Handle: h,
		Backoff: func(int) time.Duration { return time.Millisecond },
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run %s: %v", name, err)
		}
	})
}

// WaitKind returns a job once its newest fact is of the kind, or one that the
// job ends with.
func WaitKind(t testing.TB, log *events.Log, jobID string, kind events.Kind) events.Job {
	t.Helper()
	var job events.Job
	Wait(t, string(kind)+" of "+jobID, func() bool {
		var err error
		job, err = log.Load(t.Context(), jobID)
		return err == nil && (job.Kind == kind || job.Ended())
	})
	if job.Kind != kind {
		t.Fatalf("job ended as %s: %+v", job.Kind, job.Failed)
	}
	return job
}
