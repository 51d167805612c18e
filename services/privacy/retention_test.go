package privacy

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/spelling"
)

// A job that is uploaded while a sweep is under way is not taken for one that the stream
// has lost.
func TestAnUploadDuringASweepRaisesNoAlarm(t *testing.T) {
	w := newFixture(t, Keep{Uploads: 30 * day, Events: 730 * day})
	var said bytes.Buffer
	w.cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))
	w.newJob(4)
	for range 2 {
		var once sync.Once
		w.cfg.Now = func() time.Time {
			once.Do(func() { w.newJob(1) })
			return time.Now().Add(w.ahead)
		}
		w.mustSweep()
		w.ahead += 25 * time.Hour // abandoned objects are looked for again
	}
	if strings.Contains(said.String(), "level=ERROR") {
		t.Error(said.String())
	}
}

// A job with an event of a newer rollcall is left alone, with all its objects. The others
// are swept, searched and exported.
func TestAJobOfANewerVersionHoldsNobodyUp(t *testing.T) {
	w := newFixture(t, Keep{Uploads: day, Artifacts: day, Reports: day, Events: 2 * day})
	job, newer := w.newJob(4), w.newJob(0)
	eventstest.AppendNewer(t, w.nats, newer)
	w.ahead = 100 * day
	if swept := w.mustSweep(); swept.Forgotten != 1 || len(w.listObjects(job.ID)) != 0 ||
		len(w.listObjects(newer.ID)) != 1 {
		t.Errorf("%+v, left %v and %v", swept, w.listObjects(job.ID), w.listObjects(newer.ID))
	}
	another := w.newJob(1)
	k, err := w.searchJobs(t.Context(), &subject{id: "8001015009087", finder: spelling.New("8001015009087")}, 0, false)
	if err != nil || !slices.Contains(k.unread, newer.ID) || !slices.Equal(k.busy, []string{another.ID}) {
		t.Errorf("%+v, %v", k, err)
	}
}

// What happens while a person is searched for is searched as well.
func TestASearchGoesOnWithWhatHasHappenedMeanwhile(t *testing.T) {
	w := newFixture(t, Keep{})
	p := &subject{id: "8001015009087", finder: spelling.New("8001015009087")}
	ended, atWork := w.newJob(0), w.newJob(0)
	log, _ := w.connectAs("upload")
	eventstest.Append(t, log, &ended, &events.Cancelled{Stage: ended.Stage, By: ended.Owner})
	first, err := w.searchJobs(t.Context(), p, 0, false)
	if err != nil || first.found[ended.ID] == nil || !slices.Equal(first.busy, []string{atWork.ID}) {
		t.Fatalf("%+v, %v", first, err)
	}
	uploaded := w.newJob(0)
	eventstest.Append(t, log, &atWork, &events.Cancelled{Stage: atWork.Stage, By: atWork.Owner})
	next, err := w.searchJobs(t.Context(), p, first.last, false)
	if err != nil || next.found[atWork.ID] == nil || next.found[ended.ID] != nil ||
		!slices.Equal(next.busy, []string{uploaded.ID}) {
		t.Errorf("%+v, %v", next, err)
	}
}

// A sweep that has nothing to do asks for no job, however many there are.
func TestASweepAsksForDueJobsOnly(t *testing.T) {
	w := newFixture(t, Keep{Uploads: 30 * day, Artifacts: 90 * day, Reports: 90 * day, Events: 730 * day})
	for range 5 {
		w.newJob(4)
	}
	w.ahead = 29 * day
	w.mustSweep()
	due := w.newJob(4)
	var asked atomic.Int32
	js := eventstest.Connect(t, w.nats, eventstest.Owner)
	sub, err := js.Conn().Subscribe("$JS.API.DIRECT.GET."+events.StreamFacts, func(m *nats.Msg) {
		if strings.Contains(string(m.Data), "bulk.") {
			asked.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends with the test
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if swept := w.mustSweep(); swept != (Swept{}) {
		t.Errorf("too early: %+v", swept)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("nothing to do, and %d requests for jobs", n)
	}
	w.ahead = 31 * day
	if _, err := w.db.Exec(`UPDATE job_retention SET ended_at = ended_at + interval '9 days' WHERE job_id <> $1`,
		due.ID); err != nil {
		t.Fatal(err)
	}
	if swept := w.mustSweep(); swept.Expired != 1 || swept.Objects != 1 || len(w.listObjects(due.ID)) != 5 {
		t.Errorf("%+v", swept)
	}
}

// The index is made anew with the stream.
func TestTheIndexIsThatOfTheStream(t *testing.T) {
	w := newFixture(t, Keep{Events: day})
	w.newJob(4)
	w.mustSweep()
	js := eventstest.Connect(t, w.nats, eventstest.Owner)
	if err := js.DeleteStream(t.Context(), events.StreamFacts); err != nil {
		t.Fatal(err)
	}
	if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	again := w.newJob(1)
	w.mustSweep()
	var ids []string
	if err := w.db.Select(&ids, `SELECT job_id FROM job_retention`); err != nil || !slices.Equal(ids, []string{again.ID}) {
		t.Errorf("%v, %v; the stream has %s", ids, err, again.ID)
	}
}
