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

// limit bounds the bytes of a stream; -1 takes the bound away. It returns how many
// bytes the stream has.
func (p *plant) limit(stream string, most int64) (has int64) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, "provisioner")
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

// messages is how many a stream has.
func (p *plant) messages(stream string) uint64 {
	p.t.Helper()
	s, err := eventstest.Connect(p.t, p.nats, "provisioner").Stream(p.t.Context(), stream)
	if err != nil {
		p.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// tried waits until a stage was at it more often than a failure may be tried again.
func (p *plant) tried(name events.Stage) {
	p.t.Helper()
	var attempts atomic.Int32
	p.step(name, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
		attempts.Add(1)
		return h(ctx, w)
	})
	eventstest.Wait(p.t, string(name)+" to try again and again", func() bool { return attempts.Load() > 7 })
}

func (p *plant) refusedForRoom(name string) {
	p.t.Helper()
	if status, code, _ := p.offer(name, "Refused"); status != http.StatusInsufficientStorage || code != "storage_full" {
		p.t.Errorf("upload: %d %s", status, code)
	}
}

func TestAStageWaitsForRoom(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	stores := []struct {
		stage   events.Stage
		streams []string
	}{
		{events.StageValidation, []string{"OBJ_" + events.BucketRows}},
		{events.StageIEC, []string{"KV_" + events.KVQuota, "KV_" + events.KVVerdicts, "OBJ_" + events.BucketVerdicts}},
		{events.StagePersistence, []string{"OBJ_" + events.BucketOutcomes}},
		{events.StageReport, []string{"OBJ_" + events.BucketReports}},
	}
	for _, s := range stores {
		for _, stream := range s.streams {
			p.limit(stream, 1)
		}
	}
	id := p.upload("roll.csv", "Patient")
	p.start()
	for _, s := range stores {
		eventstest.Wait(t, "the turn of "+string(s.stage), func() bool {
			job, err := p.log.Load(t.Context(), id)
			return err == nil && job.Next() == s.stage
		})
		members := p.database()
		for _, stream := range s.streams {
			p.tried(s.stage)
			job, err := p.log.Load(t.Context(), id)
			if err != nil || job.Next() != s.stage || p.messages(stream) != 0 || p.database() != members {
				t.Fatalf("in front of a full %s the job is in %s, %v; it has %d messages", stream, job.Stage, err,
					p.messages(stream))
			}
			eventstest.Wait(t, "the status to say why", func() bool {
				_, _, data := p.call(http.MethodGet, "/status/"+id, nil, "")
				return data["status"] == "processing" && strings.Contains(fmt.Sprint(data["message"]), "no room")
			})
			if p.runners[s.stage].StorageError() == nil {
				t.Errorf("%s does not know that %s has no room", s.stage, stream)
			}
			p.limit(stream, -1)
		}
	}
	if job := p.ends(id, events.KindReported); job.Persisted.Stats.Inserts != len(onRoll) {
		t.Errorf("%+v", job.Persisted.Stats)
	}
	for stage, r := range p.runners {
		if err := r.StorageError(); err != nil {
			t.Errorf("%s: %v", stage, err)
		}
	}
}

// A log without room takes nothing and forgets nothing.
func TestNoRoomForEvents(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.upload("roll.csv", "Patient")
	objects := p.messages("OBJ_UPLOADS")
	p.limit(events.StreamFacts, p.limit(events.StreamFacts, -1))
	p.refusedForRoom("second.csv")
	if status, code, _ := p.call(http.MethodPost, "/cancel/"+id, nil, ""); status != http.StatusInsufficientStorage ||
		code != "storage_full" {
		t.Errorf("cancel: %d %s", status, code)
	}
	if n, m := p.messages("OBJ_UPLOADS"), p.messages(events.StreamFacts); n != objects || m != 1 {
		t.Errorf("%d messages in UPLOADS and %d events, want %d and 1", n, m, objects)
	}
	p.start()
	eventstest.Wait(t, "validation to have stored what it found", func() bool { return p.messages("OBJ_ROWS") > 0 })
	if job, err := p.log.Load(t.Context(), id); err != nil || job.Kind != events.KindUploaded {
		t.Errorf("the job is %s, %v", job.Kind, err)
	}
	p.limit(events.StreamFacts, -1)
	p.ends(id, events.KindReported)
	if facts, err := p.log.Replay(t.Context(), id, 0); err != nil || len(facts) != 5 {
		t.Errorf("%d facts, %v", len(facts), err)
	}
	p.limit("OBJ_UPLOADS", 1)
	p.refusedForRoom("third.csv")
	p.limit("OBJ_UPLOADS", -1)
	p.ends(p.upload("third.csv", "Third"), events.KindReported)

	// Nobody reads what it cannot be noted that they read.
	p.limit(events.StreamAudit, 1)
	if status, code, _ := p.call(http.MethodGet, "/report/"+id, nil, ""); status != http.StatusInsufficientStorage ||
		code != "storage_full" {
		t.Errorf("report: %d %s", status, code)
	}
	p.limit(events.StreamAudit, -1)
	if status, code, _ := p.call(http.MethodGet, "/report/"+id, nil, ""); status != http.StatusOK {
		t.Errorf("report: %d %s", status, code)
	}
}

func TestNoRoomInJetStream(t *testing.T) {
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
			p := newPlantOn(t, eventstest.StartWith(t, []byte(conf)))
			early := p.upload("early.csv", "Early")
			ballast := p.ballast()
			facts := p.messages(events.StreamFacts)
			p.refusedForRoom("late.csv")
			p.start()
			p.tried(events.StageValidation)
			if job, err := p.log.Load(t.Context(), early); err != nil || job.Kind != events.KindUploaded ||
				p.messages(events.StreamFacts) != facts {
				t.Errorf("the job is %s, %v; %d events", job.Kind, err, p.messages(events.StreamFacts))
			}
			for _, name := range ballast {
				if err := p.store("upload").Discard(t.Context(), events.BucketUploads, name); err != nil {
					t.Fatal(err)
				}
			}
			p.ends(early, events.KindReported)
			p.ends(p.upload("late.csv", "Late"), events.KindReported)
		})
	}
}

// ballast fills JetStream to the last hundred bytes.
func (p *plant) ballast() (names []string) {
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

// The disk of a stage's machine is full, of the stage's own files or of those that
// a reader of workbooks keeps, whose error looks like that of a bad file.
func TestAFullDiskIsNoFailure(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.upload("roll.csv", "Patient")
	for _, name := range []events.Stage{events.StageValidation, events.StageIEC, events.StagePersistence,
		events.StageReport} {
		var attempts atomic.Int32
		p.step(name, func(ctx context.Context, w *stage.Work, h stage.Handler) (events.Fact, error) {
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
	p.ends(id, events.KindReported)
	facts, err := p.log.Replay(t.Context(), id, 0)
	if err != nil || slices.ContainsFunc(facts, func(e events.Event) bool { return e.Kind == events.KindFailed }) {
		t.Errorf("%v, %v", facts, err)
	}
}
