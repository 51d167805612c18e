package eventstest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
)

// StoredMessage returns the message of the newest fact of a job.
func StoredMessage(t testing.TB, srv *embedded.Server, job events.Job) *nats.Msg {
	t.Helper()
	s, err := Connect(t, srv, Owner).Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), job.Seq)
	if err != nil {
		t.Fatal(err)
	}
	return &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}
}

// UploadNewer stores the upload of a new job in a data version that this
// program does not know. It returns the id of the job.
func UploadNewer(t testing.TB, srv *embedded.Server, owner events.User) (jobID string) {
	t.Helper()
	log := events.NewLog(Connect(t, srv, "upload"), events.StageUpload, nil)
	known := StoredMessage(t, srv, Upload(t, log, owner, events.Artifact{}, events.Options{}))
	jobID = events.NewJobID()
	publishNewer(t, srv, known, jobID, events.KindUploaded)
	return jobID
}

// AppendNewer stores a fact validated of a job, in a data version that this program does
// not know, and returns its sequence. The job cannot be loaded any more.
func AppendNewer(t testing.TB, srv *embedded.Server, job events.Job) (seq uint64) {
	t.Helper()
	return publishNewer(t, srv, StoredMessage(t, srv, job), job.ID, events.KindValidated)
}

func publishNewer(t testing.TB, srv *embedded.Server, known *nats.Msg, jobID string, kind events.Kind) (seq uint64) {
	t.Helper()
	msg := nats.NewMsg(events.Subject(jobID, kind))
	msg.Data = []byte(`{"of":"a future shape"}`)
	for _, name := range []string{events.HeaderOwner, events.HeaderSource, events.HeaderTime} {
		msg.Header.Set(name, known.Header.Get(name))
	}
	msg.Header.Set(events.HeaderType, strings.Replace(known.Header.Get(events.HeaderType),
		string(events.KindUploaded), string(kind), 1))
	msg.Header.Set(events.HeaderSubject, jobID)
	msg.Header.Set(events.HeaderDataVersion, strconv.Itoa(events.DataVersion+1))
	ack, err := Connect(t, srv, Owner).PublishMsg(t.Context(), msg)
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}
