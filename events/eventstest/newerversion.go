package eventstest

import (
	"strconv"
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
	msg := nats.NewMsg(events.Subject(jobID, events.KindUploaded))
	msg.Data = []byte(`{"of":"a future shape"}`)
	for _, name := range []string{events.HeaderType, events.HeaderOwner, events.HeaderSource, events.HeaderTime} {
		msg.Header.Set(name, known.Header.Get(name))
	}
	msg.Header.Set(events.HeaderSubject, jobID)
	msg.Header.Set(events.HeaderDataVersion, strconv.Itoa(events.DataVersion+1))
	if _, err := Connect(t, srv, "upload").PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	return jobID
}
