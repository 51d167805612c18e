package events_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// endedJobs makes jobs that have ended in all ways, with all kinds of facts.
func endedJobs(t *testing.T, srv *embedded.Server) map[string]events.Job {
	t.Helper()
	add := func(job *events.Job, facts ...events.Fact) {
		for _, f := range facts {
			user := events.StageUpload
			switch f.FactKind() {
			case events.KindRetried, events.KindCancelled, events.KindApproved, events.KindDeclined:
			case events.KindErased:
				user = "privacy"
			default:
				user = job.Next()
			}
			eventstest.Append(t, logAs(t, srv, user), job, f)
		}
	}
	again := func(s events.Stage) *events.Retried { return &events.Retried{Stage: s, By: alice} }
	wait := func(s events.Stage) []events.Fact {
		return []events.Fact{&events.Paused{Stage: s, Reason: events.PauseQuota, Message: "Wait.",
			ResumesAt: time.Now().UTC()}, &events.Resumed{Stage: s}}
	}
	jobs := map[string]events.Job{}
	end := func(name string, opts events.Options, course func(job *events.Job, pass []events.Fact)) {
		job := eventstest.Upload(t, logAs(t, srv, events.StageUpload), alice, events.Artifact{}, opts)
		err := logAs(t, srv, events.StageValidation).SetProgress(t.Context(), &job, events.Progress{
			Service: events.StageValidation, Step: events.FileReading, Status: events.StatusProcessing, Trigger: job.Trigger})
		if err != nil {
			t.Fatal(err)
		}
		course(&job, eventstest.Facts(job.ID))
		jobs[name] = job
	}
	end("completed", events.Options{}, func(j *events.Job, pass []events.Fact) { add(j, pass...) })
	end("dry run", events.Options{DryRun: true}, func(j *events.Job, pass []events.Fact) { add(j, pass...) })
	end("undo", events.Options{Undoes: jobs["completed"].ID}, func(j *events.Job, pass []events.Fact) { add(j, pass...) })
	end("transferred", events.Options{Completes: jobs["completed"].ID},
		func(j *events.Job, pass []events.Fact) { add(j, pass...) })
	end("failed", events.Options{}, func(j *events.Job, _ []events.Fact) {
		add(j, &events.Failed{Stage: j.Stage, Code: "bad_file", Message: "It is no spreadsheet.", Attempts: 1})
	})
	end("cancelled", events.Options{}, func(j *events.Job, pass []events.Fact) {
		add(j, pass[0], &events.Cancelled{Stage: events.StageIEC, By: alice})
	})
	end("retried", events.Options{}, func(j *events.Job, pass []events.Fact) {
		add(j, pass[0], &events.Cancelled{Stage: events.StageIEC, By: alice}, again(events.StageIEC), pass[1],
			&events.Failed{Stage: events.StagePersistence, Code: "internal_error", Message: "Something went wrong.",
				Attempts: 5, Retryable: true}, again(events.StagePersistence), pass[2], pass[3])
	})
	end("paused", events.Options{}, func(j *events.Job, pass []events.Fact) {
		add(j, pass[0], &events.Warned{Stage: events.StageIEC, Message: "Most calls are spent."})
		for range 200 {
			add(j, wait(events.StageIEC)...)
		}
		add(j, pass[1:]...)
	})
	end("declined", events.Options{Approval: true}, func(j *events.Job, pass []events.Fact) {
		add(j, pass[0], pass[1], &events.Proposed{Reason: events.ProposedNoWrite, Digest: strings.Repeat("0", 64),
			Outcomes: eventstest.FakeArtifact(events.BucketOutcomes, j.ID+"/outcomes")},
			&events.Declined{By: events.User{ID: "bob", Role: "national_admin"}, Reason: "No."})
	})
	end("erased", events.Options{}, func(j *events.Job, pass []events.Fact) {
		add(j, pass...)
		add(j, &events.Erased{Reason: events.ErasedExpired, Status: j.Status, Removed: j.Artifacts()})
	})
	return jobs
}

// answers is what the readers of the log say of a job.
type answers struct {
	Job     events.Job
	Current events.Job
	Facts   []events.Event
	Later   []events.Event // after the first
	Follow  []events.Event
	Found   []byte // the first fact as it is stored
}

func ask(t *testing.T, log *events.Log, job events.Job) (a answers) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := error(nil)
	must := func(e error) {
		t.Helper()
		if e != nil {
			t.Fatal(e)
		}
	}
	a.Job, err = log.Load(ctx, job.ID)
	must(err)
	a.Current, err = log.LoadCurrent(ctx, job.ID)
	must(err)
	a.Facts, err = log.Replay(ctx, job.ID, 0)
	must(err)
	a.Later, err = log.Replay(ctx, job.ID, job.FirstSeq)
	must(err)
	for e, err := range log.Follow(ctx, job.ID, 0) {
		must(err)
		if a.Follow = append(a.Follow, e); e.Seq == job.Seq {
			break
		}
	}
	first, err := events.Find(ctx, log.JetStream(), job.ID, events.KindUploaded, job.FirstSeq)
	must(err)
	if first != nil {
		a.Found = fmt.Appendf(nil, "%s %d %s %s %s", first.Subject, first.Sequence, first.Time.Format(time.RFC3339Nano),
			first.Header.Get(events.HeaderMsgID), first.Data)
	}
	a.Job.Archived, a.Current.Archived = 0, 0 // the guard is all that is another one
	return a
}

// changes returns all jobs as one pass over the log has them.
func changes(t *testing.T, log *events.Log) map[string]events.Job {
	t.Helper()
	all := map[string]events.Job{}
	_, err := log.Changes(t.Context(), 0, func(c events.Change) error {
		c.Job.Archived = 0
		all[c.JobID] = c.Job
		return c.Err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every reader of the log says of an archived job what it said before, and also while an
// archive and what it stands for are there both, because whoever archived it was killed.
func TestAnArchivedJobIsWhatItWas(t *testing.T) {
	srv := eventstest.Start(t)
	jobs := endedJobs(t, srv)
	reader, mover := logAs(t, srv, events.StageUpload), logAs(t, srv, "privacy")
	all := changes(t, reader)
	for name, job := range jobs {
		before := ask(t, reader, job)
		if len(before.Facts) == 0 || len(before.Found) == 0 || !reflect.DeepEqual(before.Facts, before.Follow) {
			t.Fatalf("%s: %d facts, %d followed", name, len(before.Facts), len(before.Follow))
		}
		same := func(when string) {
			t.Helper()
			if now := ask(t, reader, job); !reflect.DeepEqual(now, before) {
				t.Errorf("%s, %s:\n%+v\n%+v", name, when, now, before)
			}
		}
		if err := mover.ArchivePart(t.Context(), job.ID, 0); err != nil {
			t.Fatal(err)
		}
		same("before others are deleted")
		if held, err := reader.Count(t.Context(), job.ID); err != nil || held.Archives != 1 || held.Messages < 3 {
			t.Errorf("%s: %+v, %v", name, held, err)
		}
		for range 2 { // the second time there is nothing to do
			if _, err := mover.Archive(t.Context(), job.ID, job.Seq); err != nil {
				t.Fatal(err)
			}
			same("archived")
			if held, err := reader.Count(t.Context(), job.ID); err != nil || held.Messages != 1 || held.Archives != 1 {
				t.Errorf("%s: %+v, %v", name, held, err)
			}
		}
		if _, ok, err := reader.Progress(t.Context(), job.ID); err != nil || ok {
			t.Errorf("%s: progress is left, %v", name, err)
		}
	}
	if now := changes(t, reader); !reflect.DeepEqual(now, all) {
		t.Errorf("one pass over the log:\n%+v\n%+v", now, all)
	}
	eventstest.CheckSchemas(t, eventstest.Connect(t, srv, eventstest.Owner))
}

// Whoever archives a job may be killed at any moment. Readers never meet half of a job,
// and the next one goes on.
func TestAnArchiveThatWasNotFinishedIs(t *testing.T) {
	srv := eventstest.Start(t)
	reader, mover := logAs(t, srv, events.StageUpload), logAs(t, srv, "privacy")
	for deleted := range 6 {
		job := upload(t, srv)
		for i, s := range events.Stages {
			eventstest.Append(t, logAs(t, srv, s), &job, eventstest.Facts(job.ID)[i])
		}
		before := ask(t, reader, job)
		if err := mover.ArchivePart(t.Context(), job.ID, deleted); err != nil {
			t.Fatal(err)
		}
		if now := ask(t, reader, job); !reflect.DeepEqual(now, before) {
			t.Errorf("%d deleted:\n%+v\n%+v", deleted, now, before)
		}
		alone := func() (alone bool) {
			if _, err := reader.Changes(t.Context(), 0, func(c events.Change) error {
				if c.JobID == job.ID {
					alone = c.Alone
				}
				return c.Err
			}); err != nil {
				t.Fatal(err)
			}
			return alone
		}
		if alone() != (deleted == 5) {
			t.Errorf("%d deleted, alone: %v", deleted, alone())
		}
		if _, err := mover.Archive(t.Context(), job.ID, job.Seq); err != nil {
			t.Fatal(err)
		}
		if now := ask(t, reader, job); !alone() || !reflect.DeepEqual(now, before) {
			t.Errorf("%d deleted, finished: %+v", deleted, now)
		}
	}
}

// A job goes on after its archive as after its last fact, and can be archived again. One
// who knows only what was before the archive is refused.
func TestAJobGoesOnAfterItsArchive(t *testing.T) {
	srv := eventstest.Start(t)
	job := upload(t, srv)
	up, mover := logAs(t, srv, events.StageUpload), logAs(t, srv, "privacy")
	late := job
	eventstest.Append(t, up, &job, &events.Cancelled{Stage: job.Stage, By: alice})
	stale := job
	want, err := up.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	archive := func() {
		t.Helper()
		if _, err := mover.Archive(t.Context(), job.ID, job.Seq); err != nil {
			t.Fatal(err)
		}
	}
	archive()
	if _, err := logAs(t, srv, events.StageValidation).Append(t.Context(), &late, late.Seq,
		eventstest.Facts(job.ID)[0]); !errors.Is(err, events.ErrConflict) {
		t.Errorf("a late worker: %v", err)
	}
	again := &events.Retried{Stage: events.StageValidation, By: alice}
	if _, err := up.Append(t.Context(), &stale, stale.Seq, again); !errors.Is(err, events.ErrConflict) {
		t.Errorf("a retry that knows no archive: %v", err)
	}
	for i, f := range append([]events.Fact{again}, eventstest.Facts(job.ID)...) {
		if job, err = up.Load(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		log := up
		if i > 0 {
			log = logAs(t, srv, job.Next())
		}
		e, err := log.Append(t.Context(), &job, job.Seq, f)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, e)
	}
	check := func(when string) {
		t.Helper()
		if list, err := up.Replay(t.Context(), job.ID, 0); err != nil || len(list) != len(want) {
			t.Fatalf("%s: %d facts of %d, %v", when, len(list), len(want), err)
		} else {
			for i := range want {
				if list[i].Seq != want[i].Seq || list[i].Kind != want[i].Kind || !list[i].At.Equal(want[i].At) {
					t.Errorf("%s: %+v, want %+v", when, list[i], want[i])
				}
			}
		}
		if now, err := up.Load(t.Context(), job.ID); err != nil || now.Status != events.StatusCompleted ||
			now.Seq != job.Seq {
			t.Errorf("%s: %+v, %v", when, now, err)
		}
	}
	check("after an archive")
	archive()
	check("archived again")
	if held, err := up.Count(t.Context(), job.ID); err != nil || held.Messages != 1 {
		t.Errorf("%+v, %v", held, err)
	}
}

// A retry and an archive of the same job at once: one of the two is first, and nothing is
// lost.
func TestARetryAndAnArchiveAtOnceLoseNothing(t *testing.T) {
	srv := eventstest.Start(t)
	up, mover := logAs(t, srv, events.StageUpload), logAs(t, srv, "privacy")
	archived := 0
	for i := range 40 {
		job := upload(t, srv)
		eventstest.Append(t, up, &job, &events.Cancelled{Stage: job.Stage, By: alice})
		var both sync.WaitGroup
		begin := make(chan struct{})
		both.Go(func() {
			<-begin
			_, err := mover.Archive(t.Context(), job.ID, job.Seq)
			switch {
			case err == nil:
				archived++
			case !errors.Is(err, events.ErrConflict) && !errors.Is(err, events.ErrNotArchived) &&
				!errors.Is(err, events.ErrBehind):
				t.Error(err)
			}
		})
		both.Go(func() {
			<-begin
			time.Sleep(time.Duration(i) * time.Millisecond / 2) // an archive reads before it writes
			retried := job
			eventstest.Append(t, up, &retried, &events.Retried{Stage: job.Stage, By: alice})
		})
		close(begin)
		both.Wait()
		now, err := up.Load(t.Context(), job.ID)
		if err != nil || now.Next() != events.StageValidation {
			t.Fatalf("%+v, %v", now, err)
		}
		list, err := up.Replay(t.Context(), job.ID, 0)
		if err != nil || len(list) != 3 || list[0].Seq != job.FirstSeq || list[1].Seq != job.Seq ||
			list[2].Kind != events.KindRetried {
			t.Fatalf("%+v, %v", list, err)
		}
	}
	t.Logf("the archive was first %d times of 40", archived)
}

// What is not trusted stays where it is, as evidence, and so does a job that is under way.
func TestWhatIsNotTrustedIsNotArchived(t *testing.T) {
	srv := eventstest.Start(t)
	up, mover := logAs(t, srv, events.StageUpload), logAs(t, srv, "privacy")
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	atWork, forged, newer := upload(t, srv), upload(t, srv), upload(t, srv)
	eventstest.Append(t, up, &forged, &events.Cancelled{Stage: forged.Stage, By: alice})
	if _, err := owner.Publish(t.Context(), events.Subject(forged.ID, events.KindVerified), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	eventstest.AppendNewer(t, srv, newer)
	for _, want := range []struct {
		job events.Job
		err error
	}{{atWork, events.ErrNotArchived}, {forged, events.ErrNotArchived}, {newer, events.ErrNewer},
		{events.Job{ID: events.NewJobID()}, events.ErrNotFound}} {
		before, err := up.Count(t.Context(), want.job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mover.Archive(t.Context(), want.job.ID, want.job.Seq); !errors.Is(err, want.err) {
			t.Errorf("%v, want %v", err, want.err)
		}
		if now, err := up.Count(t.Context(), want.job.ID); err != nil || now != before {
			t.Errorf("%+v before and %+v now, %v", before, now, err)
		}
	}
}

// An archive that does not agree with itself is not believed: the facts beside it are.
func TestAForgedArchiveIsNotBelieved(t *testing.T) {
	srv := eventstest.Start(t)
	up, mover := logAs(t, srv, events.StageUpload), logAs(t, srv, "privacy")
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	model := upload(t, srv)
	eventstest.Append(t, up, &model, &events.Cancelled{Stage: model.Stage, By: alice})
	if _, err := mover.Archive(t.Context(), model.ID, model.Seq); err != nil {
		t.Fatal(err)
	}
	stored, err := events.ReadLast(t.Context(), owner, events.StreamFacts,
		[]string{events.Subject(model.ID, events.KindArchived)})
	if err != nil || len(stored) != 1 {
		t.Fatal(len(stored), err)
	}
	for name, change := range map[string]func(m *jetstream.RawStreamMsg){
		"of another job":       func(m *jetstream.RawStreamMsg) {},
		"not compressed":       func(m *jetstream.RawStreamMsg) { m.Data = []byte("\x01{}") },
		"of another version":   func(m *jetstream.RawStreamMsg) { m.Data = append([]byte{9}, m.Data[1:]...) },
		"empty":                func(m *jetstream.RawStreamMsg) { m.Data = nil },
		"cut off":              func(m *jetstream.RawStreamMsg) { m.Data = m.Data[:len(m.Data)/2] },
		"with another subject": func(m *jetstream.RawStreamMsg) { m.Header.Set(events.HeaderSubject, model.ID) },
	} {
		job := upload(t, srv)
		forged := *stored[0]
		change(&forged)
		msg := eventstest.StoredMessage(t, srv, job)
		msg.Subject, msg.Data = events.Subject(job.ID, events.KindArchived), forged.Data
		msg.Header.Set(events.HeaderType, stored[0].Header.Get(events.HeaderType))
		msg.Header.Set(events.HeaderMsgID, events.MsgID(job.ID, events.KindArchived, job.Seq))
		for _, h := range []string{events.HeaderExpectedSeq, events.HeaderExpectedFilter} {
			msg.Header.Del(h)
		}
		ack, err := owner.PublishMsg(t.Context(), msg)
		if err != nil {
			t.Fatal(err)
		}
		now, err := up.Load(t.Context(), job.ID)
		if err != nil || now.Status != job.Status || now.Seq != ack.Sequence || now.Archived != 0 {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
		if _, err := events.Decode(msg.Subject, msg.Header, msg.Data, ack.Sequence); !errors.Is(err, events.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
		eventstest.Append(t, up, &now, &events.Cancelled{Stage: job.Stage, By: alice})
	}
}
