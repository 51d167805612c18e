// Package eventstest runs the NATS server of rollcall for tests: with the
// shipped nats.conf, all users with their real permissions, and all streams.
// Import it from _test.go files only.
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

// Start runs a provisioned server until the test ends. Then it checks every
// stored event, progress and access against its JSON Schema.
func Start(t testing.TB) *embedded.Server {
	t.Helper()
	return StartWith(t, nil)
}

// StartWith is Start with another nats.conf; nil means the shipped one.
func StartWith(t testing.TB, conf []byte) *embedded.Server {
	t.Helper()
	if conf == nil {
		conf = embedded.Conf
	}
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: WithOwner(conf), StoreKey: StoreKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	if err := events.Provision(t.Context(), Connect(t, srv, "provisioner"), events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	js := Connect(t, srv, Owner)
	t.Cleanup(func() { CheckSchemas(t, js) })
	return srv
}

// StoreKey encrypts the stores of tests, as those of users are.
const StoreKey = "a key of at least thirty-two bytes"

// Owner is a user that may do everything with the streams. Only a server of
// tests has it: see WithOwner.
const Owner = "owner"

// WithOwner adds the user Owner to a nats.conf.
func WithOwner(conf []byte) []byte {
	const account = "\n  BULK {\n"
	return bytes.Replace(conf, []byte(account), []byte(account+"    users: [ { user: owner, password: owner } ]\n"), 1)
}

// Connect opens a connection as a user of nats.conf, or as Owner, until the test
// ends.
func Connect(t testing.TB, srv *embedded.Server, user string) jetstream.JetStream {
	t.Helper()
	connect := srv.Connect
	if user == Owner {
		connect = func(string) (jetstream.JetStream, error) {
			return events.Connect(events.Connection{URL: srv.URL(), User: Owner, Password: Owner})
		}
	}
	js, err := connect(user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(js.Conn().Close)
	return js
}

// CheckSchemas checks all messages of the streams against their JSON Schemas.
// The user of the connection must have permission to read them.
func CheckSchemas(t testing.TB, js jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for stream, filter := range map[string]string{
		events.StreamFacts: "bulk.>", events.StreamProgress: "bulk.>", events.StreamAudit: "audit.>",
		events.StreamCases: "case.>",
	} {
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
	if id, ok := strings.CutPrefix(m.Subject, "case."); ok {
		if m.Header.Get(events.HeaderType) == "" {
			return // a forgery by a test
		}
		_, kind, _ := strings.Cut(id, ".")
		checkAgainst(t, "case_"+kind, m)
		return
	}
	_, kind, err := events.ParseSubject(m.Subject)
	if err != nil {
		t.Error(err)
		return
	}
	_, err = events.Decode(m.Subject, m.Header, m.Data, m.Sequence)
	switch {
	case errors.Is(err, events.ErrArchive):
		checkArchive(t, m)
		return
	case kind != events.KindProgress && err != nil:
		return // a forgery by a test
	}
	checkAgainst(t, string(kind), m)
}

// checkArchive checks an archive, and what it holds.
func checkArchive(t testing.TB, m *jetstream.RawStreamMsg) {
	t.Helper()
	inner, err := events.Unpack(m)
	if err != nil {
		t.Error(err)
		return
	}
	for _, in := range inner {
		if !events.IsArchive(in) {
			checkSchema(t, in)
		}
	}
	doc, err := events.UnpackArchive(m.Data)
	if err != nil {
		t.Error(err)
		return
	}
	checkAgainst(t, string(events.KindArchived), &jetstream.RawStreamMsg{Subject: m.Subject, Data: doc})
}

// checkAgainst checks a message against the schema of that name.
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
		t.Errorf("%s does not match its schema: %v\n%s", m.Subject, err, m.Data)
	}
}

// Upload appends the fact uploaded of a new job and returns the job. It makes
// up a file when file has no name.
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

// Append appends facts to a job. Each one is the cause of the next. It loads
// the job again after a conflict.
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

// FakeArtifact returns an artifact whose object does not exist.
func FakeArtifact(bucket, name string) events.Artifact {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	return events.Artifact{Bucket: bucket, Name: name, SHA256: empty}
}

// Facts returns the facts with which a job passes all stages, in order, without
// uploaded.
func Facts(id string) []events.Fact {
	return []events.Fact{
		&events.Validated{
			Rows:    FakeArtifact(events.BucketRows, id+"/rows"),
			Rejects: FakeArtifact(events.BucketRows, id+"/rejects"),
		},
		&events.Verified{Verdicts: FakeArtifact(events.BucketVerdicts, id+"/verdicts")},
		&events.Persisted{Outcomes: FakeArtifact(events.BucketOutcomes, id+"/outcomes")},
		&events.Reported{Report: FakeArtifact(events.BucketReports, id+"/report.xlsx")},
	}
}

// Wait waits until cond returns true. It fails the test after a minute; what
// names the condition.
func Wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	WaitFor(t, time.Minute, what, cond)
}

// WaitFor is Wait with another limit, for a process that starts or a real pause
// that ends.
func WaitFor(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// RunStage runs a handler as a stage, as the user of that name, until the test
// ends. Failures are repeated at once.
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

// WaitKind waits until the newest fact of a job is of the kind and returns the
// job. It fails the test when the job ends with another kind.
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
