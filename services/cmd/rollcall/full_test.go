package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/stage"
)

// limitStream sets the most bytes of a stream, -1 for no limit. It returns how many bytes the
// stream has.
func (p *pipeline) limitStream(stream string, most int64) (has int64) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, eventstest.Owner)
	s, err := js.Stream(p.t.Context(), stream)
	if err != nil {
		p.t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxBytes = most
	if _, err := js.UpdateStream(p.t.Context(), cfg); err != nil {
		p.t.Fatal(err)
	}
	return int64(s.CachedInfo().State.Bytes)
}

// countMessages returns how many messages a stream has.
func (p *pipeline) countMessages(stream string) uint64 {
	p.t.Helper()
	s, err := eventstest.Connect(p.t, p.nats, eventstest.Owner).Stream(p.t.Context(), stream)
	if err != nil {
		p.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// waitRetried waits until a stage has made more attempts than a failing job may have.
func (p *pipeline) waitRetried(name events.Stage) {
	p.t.Helper()
	var attempts atomic.Int32
	p.intercept(name, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
		attempts.Add(1)
		return h(ctx, w)
	})
	eventstest.Wait(p.t, string(name)+" to try again and again", func() bool { return attempts.Load() > 7 })
}

// waitRedelivered waits until a stage has been given messages more often than a failing job
// may be tried.
func (p *pipeline) waitRedelivered(name events.Stage) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, eventstest.Owner)
	eventstest.Wait(p.t, string(name)+" to be given the job again and again", func() bool {
		c, err := js.Consumer(p.t.Context(), events.StreamFacts, string(name))
		return err == nil && c.CachedInfo().Delivered.Consumer > 7
	})
}

func (p *pipeline) waitRefusedForRoom(name string) {
	p.t.Helper()
	if status, code, _ := p.tryUpload(name, "Refused"); status != http.StatusInsufficientStorage ||
		code != "storage_full" {
		p.t.Errorf("upload: %d %s", status, code)
	}
}

func TestStagesWaitForStorage(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	stores := []struct {
		stage   events.Stage
		streams []string
	}{
		{events.StageValidation, []string{"OBJ_" + events.BucketRows}},
		{events.StageIEC, []string{"KV_" + events.KVQuota, events.StreamIEC, "OBJ_" + events.BucketVerdicts}},
		{events.StagePersistence, []string{"OBJ_" + events.BucketOutcomes}},
		{events.StageReport, []string{"OBJ_" + events.BucketReports}},
	}
	for _, s := range stores {
		for _, stream := range s.streams {
			p.limitStream(stream, 1)
		}
	}
	id := p.upload("roll.csv", "Patient")
	p.start()
	for _, s := range stores {
		eventstest.Wait(t, "the turn of "+string(s.stage), func() bool {
			job, err := p.log.Load(t.Context(), id)
			return err == nil && job.Next() == s.stage
		})
		members := p.dumpDatabase()
		for _, stream := range s.streams {
			p.waitRetried(s.stage)
			job, err := p.log.Load(t.Context(), id)
			if err != nil || job.Next() != s.stage || p.countMessages(stream) != 0 || p.dumpDatabase() != members {
				t.Fatalf("in front of a full %s the job is in %s, %v; it has %d messages", stream, job.Stage, err,
					p.countMessages(stream))
			}
			eventstest.Wait(t, "the status to say why", func() bool {
				_, _, data := p.call(http.MethodGet, "/status/"+id)
				return data["status"] == "processing" && strings.Contains(fmt.Sprint(data["message"]), "no room")
			})
			if p.runners[s.stage].StorageError() == nil {
				t.Errorf("%s does not know that %s has no room", s.stage, stream)
			}
			p.limitStream(stream, -1)
		}
	}
	if job := p.waitForEnd(id, events.KindReported); job.Persisted.Stats.Inserts != len(rollIDs) {
		t.Errorf("%+v", job.Persisted.Stats)
	}
	// The fact is seen a moment before its runner knows that it is stored.
	for stage, r := range p.runners {
		eventstest.Wait(t, string(stage)+" to know that there is room", func() bool { return r.StorageError() == nil })
	}
}

// A full log stores nothing more and loses nothing.
func TestFullEventStreamLosesNothing(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	id := p.upload("roll.csv", "Patient")
	objects := p.countMessages("OBJ_UPLOADS")
	p.limitStream(events.StreamFacts, p.limitStream(events.StreamFacts, -1))
	p.waitRefusedForRoom("second.csv")
	if status, code, _ := p.call(http.MethodPost, "/cancel/"+id); status != http.StatusInsufficientStorage ||
		code != "storage_full" {
		t.Errorf("cancel: %d %s", status, code)
	}
	if n, m := p.countMessages("OBJ_UPLOADS"), p.countMessages(events.StreamFacts); n != objects || m != 1 {
		t.Errorf("%d messages in UPLOADS and %d events, want %d and 1", n, m, objects)
	}
	p.start()
	eventstest.Wait(t, "validation to have stored what it found", func() bool { return p.countMessages("OBJ_ROWS") > 0 })
	if job, err := p.log.Load(t.Context(), id); err != nil || job.Kind != events.KindUploaded {
		t.Errorf("the job is %s, %v", job.Kind, err)
	}
	p.limitStream(events.StreamFacts, -1)
	p.waitForEnd(id, events.KindReported)
	if facts, err := p.log.Replay(t.Context(), id, 0); err != nil || len(facts) != 5 {
		t.Errorf("%d facts, %v", len(facts), err)
	}
	p.limitStream("OBJ_UPLOADS", 1)
	p.waitRefusedForRoom("third.csv")
	p.limitStream("OBJ_UPLOADS", -1)
	p.waitForEnd(p.upload("third.csv", "Third"), events.KindReported)

	// What cannot be audited cannot be read.
	p.limitStream(events.StreamAudit, 1)
	if status, code, _ := p.call(http.MethodGet, "/report/"+id); status != http.StatusInsufficientStorage ||
		code != "storage_full" {
		t.Errorf("report: %d %s", status, code)
	}
	p.limitStream(events.StreamAudit, -1)
	if status, code, _ := p.call(http.MethodGet, "/report/"+id); status != http.StatusOK {
		t.Errorf("report: %d %s", status, code)
	}
}

func TestFullJetStreamLosesNothing(t *testing.T) {
	t.Parallel()
	for limit, change := range map[string][]string{
		"of the account": {"max_file: 200GB", "max_file: 6MB"},
		"of the server":  {"max_file: 200GB", "max_file: -1", "max_file_store: 200GB", "max_file_store: 6MB"},
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			conf := strings.NewReplacer(change...).Replace(string(embedded.Conf))
			if conf == string(embedded.Conf) {
				t.Fatal("nats.conf has other limits")
			}
			p := newPipelineOn(t, eventstest.StartWith(t, []byte(conf)))
			early := p.upload("early.csv", "Early")
			ballast := p.fillJetStream()
			facts := p.countMessages(events.StreamFacts)
			p.waitRefusedForRoom("late.csv")
			p.start()
			// No attempt begins, because that it begins cannot be stored.
			p.waitRedelivered(events.StageValidation)
			if p.runners[events.StageValidation].StorageError() == nil {
				t.Error("validation does not know that there is no room")
			}
			if job, err := p.log.Load(t.Context(), early); err != nil || job.Kind != events.KindUploaded ||
				p.countMessages(events.StreamFacts) != facts {
				t.Errorf("the job is %s, %v; %d events", job.Kind, err, p.countMessages(events.StreamFacts))
			}
			for _, name := range ballast {
				if err := p.store("upload").Discard(t.Context(), events.BucketUploads, name); err != nil {
					t.Fatal(err)
				}
			}
			p.waitForEnd(early, events.KindReported)
			p.waitForEnd(p.upload("late.csv", "Late"), events.KindReported)
		})
	}
}

// fillJetStream fills JetStream but for the last hundred bytes.
func (p *pipeline) fillJetStream() (names []string) {
	p.t.Helper()
	store := p.store("upload")
	for size := 512 << 10; size > 50; {
		name := fmt.Sprintf("ballast/%d", len(names))
		switch _, err := store.Put(p.t.Context(), events.BucketUploads, name, bytes.NewReader(make([]byte, size))); {
		case err == nil:
			names = append(names, name)
		case events.StorageFull(err):
			size /= 2
		default:
			p.t.Fatal(err)
		}
	}
	return names
}

// The disk of a stage is full: for its own files, or for those of the reader of workbooks,
// whose error looks like that of a bad file.
func TestFullDiskFailsNoJob(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	id := p.upload("roll.csv", "Patient")
	for _, name := range []events.Stage{events.StageValidation, events.StageIEC, events.StagePersistence,
		events.StageReport} {
		var attempts atomic.Int32
		p.intercept(name, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
			full := fmt.Errorf("write spool: %w", &fs.PathError{Op: "write", Path: "spool", Err: syscall.ENOSPC})
			switch n := attempts.Add(1); {
			case n > 12:
				return h(ctx, w)
			case n%2 == 0:
				return nil, stage.Reject("unreadable_workbook", "The file cannot be read.", full)
			}
			return nil, full
		})
	}
	p.start()
	p.waitForEnd(id, events.KindReported)
	facts, err := p.log.Replay(t.Context(), id, 0)
	if err != nil || slices.ContainsFunc(facts, func(e events.Event) bool { return e.Kind == events.KindFailed }) {
		t.Errorf("%v, %v", facts, err)
	}
}
