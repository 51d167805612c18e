package events_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// A service that was taken over may store what it likes as a fact of its kind. Headers
// that look like the server's keep nobody from reading the job or going on with it.
func TestForgedHeadersOfTheServerStallNoJob(t *testing.T) {
	for name, headers := range map[string]nats.Header{
		"another sequence": {"Nats-Sequence": {"5000"}, "Nats-Subject": {"$O.ROWS.M.forged"}, "Nats-Stream": {"OBJ_ROWS"}},
		"no sequence":      {"Nats-Sequence": {"x"}, "Nats-Time-Stamp": {"never"}, "Nats-Num-Pending": {"many"}},
		"nothing pending":  {"Nats-Num-Pending": {"0"}},
		"the end":          {"Status": {"204"}, "Description": {"EOB"}},
		"not there":        {"Status": {"404"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := eventstest.Start(t)
			job := upload(t, srv)
			js := eventstest.Connect(t, srv, "validation")
			forged := &nats.Msg{Subject: events.Subject(job.ID, events.KindValidated), Header: headers}
			if _, err := js.PublishMsg(t.Context(), forged); err != nil {
				t.Fatal(err)
			}
			log := logAs(t, srv, events.StageValidation)
			loaded, err := log.Load(t.Context(), job.ID)
			if err != nil || loaded.Seq != job.Seq+1 || loaded.Next() != events.StageValidation {
				t.Fatalf("after the forgery: %+v, %v", loaded, err)
			}
			eventstest.Append(t, log, &loaded, eventstest.Facts(job.ID)[0])
			again, err := log.Load(t.Context(), job.ID)
			if err != nil || again.Next() != events.StageIEC || again.Seq != job.Seq+2 {
				t.Errorf("after the fact: %+v, %v", again, err)
			}
			msgs, err := events.ReadLast(t.Context(), js, events.StreamFacts,
				[]string{events.Subject(job.ID, events.KindUploaded), forged.Subject})
			if err != nil || len(msgs) != 2 || msgs[1].Sequence != again.Seq {
				t.Errorf("the newest: %d, %v", len(msgs), err)
			}
		})
	}
}
