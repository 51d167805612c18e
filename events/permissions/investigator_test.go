package permissions_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// An investigator reads artifacts, and the server notes which and who. The
// operator cannot read them.
func TestTheServerNotesWhatAnInvestigatorReads(t *testing.T) {
	srv := eventstest.Start(t)
	data := bytes.Repeat([]byte("a roll "), 200_000) // three chunks
	stored, err := events.NewStore(eventstest.Connect(t, srv, "upload")).
		Put(t.Context(), events.BucketUploads, events.NewJobID()+"/upload", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	js := eventstest.Connect(t, srv, "investigator")
	file, err := events.NewNotedStore(js).Fetch(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if back, err := io.ReadAll(file); err != nil || !bytes.Equal(back, data) {
		t.Fatalf("%d bytes came back, %v", len(back), err)
	}
	operator := eventstest.Connect(t, srv, "operator")
	eventstest.Wait(t, "the note of the reading", func() bool {
		for m, err := range events.Messages(t.Context(), operator, events.StreamAdvisories, "$JS.EVENT.ADVISORY.API", 1) {
			if err != nil {
				t.Fatal(err)
			}
			var note struct {
				Subject string `json:"subject"`
				Client  struct {
					Account string `json:"acc"`
				} `json:"client"`
			}
			if err := json.Unmarshal(m.Data, &note); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(note.Subject, "$JS.API.CONSUMER.CREATE.OBJ_UPLOADS.") && note.Client.Account == "INVESTIGATOR" {
				return true
			}
		}
		return false
	})
	for _, subject := range []string{
		"$JS.API.DIRECT.GET.OBJ_UPLOADS", "$JS.API.STREAM.MSG.GET.OBJ_UPLOADS", "$JS.API.STREAM.MSG.GET.KV_IEC_VERDICTS",
		"$JS.API.DIRECT.GET.PARTIAL", "$JS.API.CONSUMER.CREATE.OBJ_UPLOADS.x.$O.UPLOADS.C.x",
	} {
		msg := nats.NewMsg(subject)
		msg.Data = []byte(`{"seq":1}`)
		if reply, err := operator.Conn().RequestMsg(msg, 200*time.Millisecond); err == nil {
			t.Errorf("the operator was answered %.100q to %s", reply.Data, subject)
		}
	}
}
