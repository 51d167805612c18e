package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/services/privacy"
	"rollcall.example/services/report"
)

// damage alters or removes an object, as the user that writes its bucket. The returned
// function restores it.
func (p *pipeline) damage(writer string, a events.Artifact, remove bool) (mend func()) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, writer)
	store := events.NewStore(js)
	put := func(text string) {
		if _, err := store.Put(p.t.Context(), a.Bucket, a.Name, strings.NewReader(text)); err != nil {
			p.t.Fatal(err)
		}
	}
	file, err := p.store("privacy").Fetch(p.t.Context(), a)
	if err != nil {
		p.t.Fatal(err)
	}
	defer file.Close()
	whole, err := io.ReadAll(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if remove {
		bucket, err := js.ObjectStore(p.t.Context(), a.Bucket)
		if err == nil {
			err = bucket.Delete(p.t.Context(), a.Name)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	} else {
		put("X" + string(whole[1:])) // of the same size
	}
	return func() { put(string(whole)) }
}

// A missing or altered object fails the job in the stage that reads it, and is reported to
// whoever downloads it. Once it is restored, it does no more harm.
func TestDamagedObjectsFailTheirJobUntilMended(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	stages := []events.Stage{events.StageValidation, events.StageIEC, events.StagePersistence, events.StageReport}
	inputs := map[events.Stage]func(*events.Job) (writer string, a events.Artifact){
		events.StageValidation:  func(j *events.Job) (string, events.Artifact) { return "upload", j.Uploaded.File },
		events.StageIEC:         func(j *events.Job) (string, events.Artifact) { return "validation", j.Validated.Rows },
		events.StagePersistence: func(j *events.Job) (string, events.Artifact) { return "iec", j.Verified.Verdicts },
		events.StageReport:      func(j *events.Job) (string, events.Artifact) { return "persistence", j.Persisted.Outcomes },
	}
	jobs := map[bool]string{true: p.upload("gone.csv", "Gone"), false: p.upload("altered.csv", "Altered")}
	before := map[events.Stage]events.Kind{events.StageValidation: events.KindUploaded,
		events.StageIEC:         events.KindValidated,
		events.StagePersistence: events.KindVerified, events.StageReport: events.KindPersisted}
	for _, stage := range stages {
		mend := map[bool]func(){}
		for remove, id := range jobs {
			job := p.waitForEnd(id, before[stage])
			writer, a := inputs[stage](&job)
			mend[remove] = p.damage(writer, a, remove)
		}
		members := p.dumpDatabase()
		p.start(stage)
		for remove, id := range jobs {
			job := p.waitForEnd(id, events.KindFailed)
			if f := job.Failed; f.Stage != stage || f.Code != "artifact_damaged" || f.Attempts != 5 || !f.Retryable ||
				!strings.Contains(f.Message, "missing or damaged") {
				t.Errorf("%s, removed %v: %+v", stage, remove, f)
			}
			if p.dumpDatabase() != members {
				t.Errorf("%s, removed %v: something was written", stage, remove)
			}
			if stage == events.StageIEC {
				p.checkDamagedRejects(&job, remove)
			}
			mend[remove]()
			p.steer("retry", id)
		}
	}
	for remove, id := range jobs {
		job := p.waitForEnd(id, events.KindReported)
		mend := p.damage("report", job.Reported.Report, remove)
		if status, code, _ := p.call(http.MethodGet, "/report/"+id); status != http.StatusBadGateway ||
			code != "report_damaged" {
			t.Errorf("report, removed %v: %d %s", remove, status, code)
		}
		mend()
		if status, code, _ := p.call(http.MethodGet, "/report/"+id); status != http.StatusOK {
			t.Errorf("report put back, removed %v: %d %s", remove, status, code)
		}
	}
}

func (p *pipeline) checkDamagedRejects(job *events.Job, remove bool) {
	p.t.Helper()
	mend := p.damage("validation", job.Validated.Rejects, remove)
	defer mend()
	if status, code, _ := p.call(http.MethodGet, "/report/"+job.ID+"?part=rejects"); status != http.StatusBadGateway ||
		code != "report_damaged" {
		p.t.Errorf("rejects, removed %v: %d %s", remove, status, code)
	}
}

// Damage to one job does not keep a person in others: erasing removes them from everything
// that can be read, and names the jobs of which something cannot be read.
func TestEraseContinuesPastDamagedJobs(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.start()
	all := map[string]events.Job{}
	for _, name := range []string{"whole", "rows gone", "rows altered", "verdicts altered", "report gone",
		"upload altered"} {
		all[name] = p.waitForEnd(p.upload(name+".csv", "Some"), events.KindReported)
	}
	rows, verdicts := all["rows altered"].Validated.Rows, all["verdicts altered"].Verified.Verdicts
	p.damage("validation", all["rows gone"].Validated.Rows, true)
	p.damage("validation", rows, false)
	p.damage("iec", verdicts, false)
	p.damage("report", all["report gone"].Reported.Report, true)
	p.damage("upload", all["upload altered"].Uploaded.File, false)

	js := eventstest.Connect(t, p.nats, "privacy")
	store := events.NewStore(js)
	reports := report.New(report.Config{Store: store})
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	log := cases.NewLog(js, "privacy", nil)
	s := privacy.New(privacy.Config{Log: events.NewLog(js, "privacy", nil), Store: store, DB: p.db, Cases: log, Key: key,
		Rebuild: reports.Rebuild, Logger: slog.New(slog.DiscardHandler)})
	do := func(what cases.Kind) cases.Result {
		t.Helper()
		c, err := log.Open(t.Context(), store, key, cases.Request{
			What: what, ID: rollIDs[0], By: events.User{ID: "an officer", Role: "operator"}, From: "here",
		})
		if err == nil {
			err = s.Work(t.Context(), c.ID)
		}
		if err == nil {
			c, err = log.Load(t.Context(), c.ID)
		}
		if err != nil || c.Completed == nil {
			t.Fatalf("%s: %+v, %v", what, c, err)
		}
		return c.Completed.Result
	}
	if held := do(cases.Export); len(held.Jobs) != len(all) || len(held.Unread) != len(all)-1 {
		t.Fatalf("exported %+v", held)
	}
	done := do(cases.Erase)
	if len(done.Jobs) != len(all) || len(done.Unread) != len(all)-1 ||
		slices.Contains(done.Unread, all["whole"].ID) || done.Members != 1 || done.Gone {
		t.Fatalf("%+v", done)
	}
	for name, was := range all {
		now, err := p.log.Load(t.Context(), was.ID)
		if err != nil {
			t.Fatal(err)
		}
		// Without rows or verdicts no report can be made.
		remade := map[string]bool{"whole": true, "report gone": true, "upload altered": true}[name]
		if removed := now.Removed(was.Reported.Report) != nil; removed == remade {
			t.Errorf("%s: the report was removed: %t", name, removed)
		}
		for _, a := range now.Artifacts() {
			file, err := store.Fetch(t.Context(), a)
			if errors.Is(err, events.ErrMissing) && name == "rows gone" ||
				errors.Is(err, events.ErrAltered) && (a == rows || a == verdicts || a == was.Uploaded.File) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			data, err := io.ReadAll(file)
			if err = errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(textOf(t, data), rollIDs[0]) {
				t.Errorf("%s: the person is still in %s", name, a.Name)
			}
		}
	}
}
