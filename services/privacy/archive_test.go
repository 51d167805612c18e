package privacy

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/spelling"
)

// count returns how many messages the stream has of a job.
func (w *fixture) count(id string) events.Held {
	w.t.Helper()
	held, err := w.cfg.Log.Count(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

var archived = events.Held{Messages: 1, Archives: 1}

// The sweep archives jobs once they have ended for long enough, and not before an older
// rollcall need no longer be taken back. What happens to an archived job later is moved
// into its archive too, and it is forgotten like any other.
func TestASweepArchivesOldJobs(t *testing.T) {
	w := newFixture(t, Keep{Uploads: 30 * day, Artifacts: 90 * day, Reports: 90 * day, Events: 730 * day})
	w.cfg.ArchiveAfter = 30 * day
	job, atWork, forged := w.newJob(4), w.newJob(2), w.newJob(4)
	_, err := eventstest.Connect(t, w.nats, eventstest.Owner).Publish(t.Context(),
		events.Subject(forged.ID, events.KindVerified), []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	w.mustSweep()
	w.ahead = 5 * day
	w.db.MustExec(`UPDATE job_retention SET ended_at = ended_at - interval '60 days'`)
	if swept := w.mustSweep(); swept.Archived != 0 {
		t.Errorf("a few days after the upgrade: %+v", swept)
	}
	w.ahead = 31 * day
	if swept := w.mustSweep(); swept.Archived != 1 || swept.Unarchived != 1 || swept.Expired != 2 {
		t.Errorf("after a month: %+v", swept)
	}
	if w.count(job.ID) != archived || w.count(atWork.ID).Archives != 0 || w.count(forged.ID).Archives != 0 {
		t.Errorf("%+v, %+v, %+v", w.count(job.ID), w.count(atWork.ID), w.count(forged.ID))
	}
	if swept := w.mustSweep(); swept.Archived+swept.Unarchived != 0 {
		t.Errorf("again: %+v", swept)
	}
	w.ahead = 91 * day
	if swept := w.mustSweep(); swept.Archived != 1 || swept.Unarchived != 1 || swept.Expired != 2 {
		t.Errorf("after three months: %+v", swept)
	}
	now, err := w.cfg.Log.Load(t.Context(), job.ID)
	if err != nil || len(now.Erasures) != 2 || len(now.Artifacts()) != 0 || w.count(job.ID) != archived {
		t.Errorf("%+v, %v", now, err)
	}
	if n, kept := w.Archived(); n != 2 || kept != 2 {
		t.Errorf("counted %d and %d", n, kept)
	}
	w.ahead = 731 * day
	if swept := w.mustSweep(); swept.Forgotten != 2 || w.count(job.ID).Messages != 0 {
		t.Errorf("after two years: %+v", swept)
	}
	if _, err := w.cfg.Log.Load(t.Context(), job.ID); !errors.Is(err, events.ErrNotFound) {
		t.Error(err)
	}
}

// The index is dropped, or whoever archived a job was killed: the next sweep sees which
// jobs still have something beside their archive, and touches no other.
func TestASweepFinishesWhatAnotherHasBegun(t *testing.T) {
	w := newFixture(t, Keep{})
	w.cfg.ArchiveAfter = day
	w.db.MustExec(`UPDATE job_retention_state SET archive_from = '-infinity'`)
	done, half := w.newJob(4), w.newJob(4)
	w.ahead = 2 * day
	if swept := w.mustSweep(); swept.Archived != 2 {
		t.Fatalf("%+v", swept)
	}
	// As if the deletion had not come so far.
	log, _ := w.connectAs("privacy")
	loaded, err := log.Load(t.Context(), half.ID)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, log, &loaded, &events.Erased{Reason: events.ErasedPerson, Status: loaded.Status})
	w.db.MustExec(`DELETE FROM job_retention; UPDATE job_retention_state SET seq = 0`)
	if swept := w.mustSweep(); swept.Archived != 1 || w.count(half.ID) != archived || w.count(done.ID) != archived {
		t.Errorf("%+v: %+v and %+v", swept, w.count(half.ID), w.count(done.ID))
	}
}

// A search for a person finds in archived jobs what it found before, and an erasure works
// on them.
func TestASearchReadsArchives(t *testing.T) {
	w := newFixture(t, Keep{})
	p := &subject{id: "8001015009087", finder: spelling.New("8001015009087")}
	up, _ := w.connectAs("upload")
	id := events.NewJobID()
	fact := &events.Uploaded{Owner: events.User{ID: "alice", Role: "member"}, FileName: "roll of 8001015009087.xlsx",
		File: w.store("upload", events.BucketUploads, id+"/upload.xlsx")}
	fact.JobID = id
	var job events.Job
	if _, err := up.Append(t.Context(), &job, 0, fact); err != nil {
		t.Fatal(err)
	}
	eventstest.Append(t, up, &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
	before, err := w.searchJobs(t.Context(), p, 0, false)
	if err != nil || len(before.inLog.list) != 1 || len(before.jobs) != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	if _, err := w.cfg.Log.Archive(t.Context(), job.ID, job.Seq); err != nil {
		t.Fatal(err)
	}
	after, err := w.searchJobs(t.Context(), p, 0, false)
	if err != nil || !reflect.DeepEqual(after.inLog, before.inLog) || len(after.jobs) != 1 ||
		after.jobs[job.ID].Seq != job.Seq {
		t.Fatalf("%+v, %v", after, err)
	}
	if places, err := w.placesInLog(t.Context(), job.ID, p); err != nil || !reflect.DeepEqual(places, after.inLog.list) {
		t.Errorf("%+v, %v", places, err)
	}
	// What was archived meanwhile is nothing new.
	next, err := w.searchJobs(t.Context(), p, before.last, false)
	if err != nil || len(next.jobs) != 0 || next.last <= before.last {
		t.Errorf("%+v, %v", next, err)
	}
	now, err := w.replaceArtifacts(t.Context(), after.jobs[job.ID], after.found[job.ID], p,
		map[events.Artifact]events.Artifact{})
	if err != nil || now.FileName != "erased.xlsx" {
		t.Errorf("%+v, %v", now, err)
	}
}

// An erasure and an archive of the same job at once: the one that is late does nothing, and
// comes again.
func TestAnErasureAndAnArchiveAtOnce(t *testing.T) {
	w := newFixture(t, Keep{})
	log, _ := w.connectAs("privacy")
	for i := range 20 {
		job := w.newJob(0)
		up, _ := w.connectAs("upload")
		eventstest.Append(t, up, &job, &events.Cancelled{Stage: job.Stage, By: job.Owner})
		var both sync.WaitGroup
		var archiving, erasing error
		both.Go(func() { _, archiving = w.cfg.Log.Archive(t.Context(), job.ID, job.Seq) })
		both.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond)
			erased := job
			_, erasing = log.Append(t.Context(), &erased, erased.Seq,
				&events.Erased{Reason: events.ErasedPerson, Status: job.Status, Removed: []events.Artifact{job.Uploaded.File}})
		})
		both.Wait()
		now, err := log.Load(t.Context(), job.ID)
		if err != nil || now.Seq < job.Seq || (erasing == nil) != (len(now.Erasures) == 1) ||
			(archiving == nil) != (w.count(job.ID).Archives == 1) {
			t.Fatalf("archive: %v, erasure: %v, then %+v, %v", archiving, erasing, now, err)
		}
		for _, err := range []error{archiving, erasing} {
			if err != nil && !errors.Is(err, events.ErrConflict) && !errors.Is(err, events.ErrBehind) {
				t.Error(err)
			}
		}
	}
}
