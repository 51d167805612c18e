package mail

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/mail/mailtest"
	"rollcall.example/services/mail/settings"
	"rollcall.example/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, eventstest.IgnoreLeaks()...) }

const public = "https://rollcall.example"

var (
	alice = events.User{ID: "alice", Role: "ward_admin"}
	bob   = events.User{ID: "bob", Role: "national_admin"}
	carol = events.User{ID: "carol", Role: "national_admin"}
)

type rig struct {
	t      *testing.T
	nats   *embedded.Server
	db     *sqlx.DB
	smtp   *mailtest.Server
	people *settings.Store
	cfg    Config
	logs   *lockedBuffer

	mu      sync.Mutex
	results map[string]int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig prepares the service, and runs it unless told otherwise.
func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := prepare(t, mailtest.Start(t), change...)
	r.run()
	return r
}

func prepare(t *testing.T, smtp *mailtest.Server, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, nats: eventstest.Start(t), db: postgrestest.New(t), smtp: smtp, logs: &lockedBuffer{},
		results: map[string]int{}}
	r.people = settings.NewStore(r.db)
	r.cfg = Config{
		JetStream: eventstest.Connect(t, r.nats, "webhook"), DB: r.db, Policy: access.Default(), PublicURL: public,
		Server: &Server{Addr: smtp.Addr, From: "rollcall <rollcall@example.org>", User: mailtest.User,
			Password: mailtest.Password, CA: smtp.CA, Timeout: 5 * time.Second},
		Poll: 20 * time.Millisecond, Waits: []time.Duration{time.Millisecond}, FirstRedial: time.Millisecond,
		Observe: func(result string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.results[result]++
		},
		Logger: slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&r.cfg)
	}
	t.Cleanup(func() {
		for _, secret := range []string{mailtest.Password, "example.org", "token="} {
			if strings.Contains(r.logs.String(), secret) {
				t.Errorf("%q was logged: %s", secret, r.logs)
			}
		}
	})
	return r
}

// run runs the service until the test or stop ends it.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(r.cfg).Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) observed() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.results)
}

// wants has a person told, at ID@example.org.
func (r *rig) wants(user events.User, wish settings.Wish) {
	r.t.Helper()
	who := access.Default().Identify(user, access.Places{Wards: []string{"79800001"}})
	who.Email = user.ID + "@example.org"
	if _, err := r.people.Put(r.t.Context(), who, wish); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) append(job *events.Job, stage events.Stage, facts ...events.Fact) {
	r.t.Helper()
	eventstest.Append(r.t, events.NewLog(eventstest.Connect(r.t, r.nats, string(stage)), stage, nil), job, facts...)
}

// upload makes a job of a person.
func (r *rig) upload(owner events.User, name string) events.Job {
	r.t.Helper()
	log := events.NewLog(eventstest.Connect(r.t, r.nats, "upload"), events.StageUpload, nil)
	id := events.NewJobID()
	fact := &events.Uploaded{Owner: owner, FileName: name,
		File: eventstest.FakeArtifact(events.BucketUploads, id+"/upload.xlsx"),
		Area: &events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}}
	fact.JobID = id
	var job events.Job
	if _, err := log.Append(r.t.Context(), &job, 0, fact); err != nil {
		r.t.Fatal(err)
	}
	return job
}

func (r *rig) fail(job *events.Job) {
	r.t.Helper()
	r.append(job, events.StageValidation, &events.Failed{Stage: events.StageValidation, Code: "no_rows",
		Message: "The workbook has no rows.", Attempts: 1})
}

// propose brings a job as far as its approval.
func (r *rig) propose(job *events.Job) {
	r.t.Helper()
	r.append(job, events.StageValidation, &events.Validated{
		Rows:    eventstest.FakeArtifact(events.BucketRows, job.ID+"/rows"),
		Rejects: eventstest.FakeArtifact(events.BucketRows, job.ID+"/rejects"),
		Stats:   events.ValidationStats{TotalRecords: 1234, ValidRecords: 1200, InvalidIDs: 30, Duplicates: 4},
	})
	r.append(job, events.StageIEC, &events.Verified{
		Verdicts: eventstest.FakeArtifact(events.BucketVerdicts, job.ID+"/verdicts"),
	})
	r.append(job, events.StagePersistence, &events.Proposed{
		Outcomes: eventstest.FakeArtifact(events.BucketOutcomes, job.ID+"/outcomes"), Reason: events.ProposedNoWrite,
		Digest: strings.Repeat("0", 64), Stats: events.DatabaseStats{Total: 1200, Inserts: 1100, Updates: 100},
	})
}

func (r *rig) waitMessages(n int) []mailtest.Message {
	r.t.Helper()
	eventstest.Wait(r.t, fmt.Sprintf("%d messages", n), func() bool { return len(r.smtp.Messages()) >= n })
	return r.smtp.Messages()
}

// states counts the messages in each state.
func (r *rig) states() map[string]int {
	r.t.Helper()
	var list []string
	if err := r.db.Select(&list, `SELECT state FROM mails`); err != nil {
		r.t.Fatal(err)
	}
	counts := map[string]int{}
	for _, s := range list {
		counts[s]++
	}
	return counts
}

func (r *rig) waitStates(want map[string]int) {
	r.t.Helper()
	eventstest.Wait(r.t, fmt.Sprintf("the states %v", want), func() bool { return maps.Equal(r.states(), want) })
}

// waitConsumed waits until all events have been looked at.
func (r *rig) waitConsumed() {
	r.t.Helper()
	js := eventstest.Connect(r.t, r.nats, "webhook")
	eventstest.Wait(r.t, "all events to be consumed", func() bool {
		c, err := js.Consumer(r.t.Context(), events.StreamFacts, events.ConsumerMail)
		if err != nil {
			r.t.Fatal(err)
		}
		return c.CachedInfo().NumPending == 0 && c.CachedInfo().NumAckPending == 0
	})
}

// parts returns the header and the two texts of a message.
func parts(t *testing.T, m mailtest.Message) (header netmail.Header, plain, rich string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m.Text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	in := multipart.NewReader(msg.Body, params["boundary"])
	var types []string
	for {
		part, err := in.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		types = append(types, kind)
		if kind == "text/plain" {
			plain = string(text)
		} else {
			rich = string(text)
		}
	}
	// The one to prefer comes last (RFC 2046, 5.1.4).
	if strings.Join(types, " ") != "text/plain text/html" {
		t.Fatalf("parts %v", types)
	}
	return msg.Header, plain, rich
}

func subject(t *testing.T, h netmail.Header) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
