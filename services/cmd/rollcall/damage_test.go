package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// damage alters or removes an object, as the user that writes its bucket, and
// returns what puts it back.
func (p *plant) damage(writer string, a events.Artifact, remove bool) (mend func()) {
	p.t.Helper()
	js := eventstest.Connect(p.t, p.nats, writer)
	store := events.NewStore(js)
	put := func(text string) {
		if _, err := store.Put(p.t.Context(), a.Bucket, a.Name, strings.NewReader(text)); err != nil {
			p.t.Fatal(err)
		}
	}
	file, err := p.store("operator").Fetch(p.t.Context(), a)
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

// An object that is missing or altered fails the job in the stage that reads
// it, says so to whoever downloads, and is no harm any more once it is back.
func TestAnObjectIsMissingOrAltered(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	stages := []events.Stage{events.StageValidation, events.StageIEC, events.StagePersistence, events.StageReport}
	inputs := map[events.Stage]func(*events.Job) (writer string, a events.Artifact){
		events.StageValidation:  func(j *events.Job) (string, events.Artifact) { return "upload", j.Uploaded.File },
		events.StageIEC:         func(j *events.Job) (string, events.Artifact) { return "validation", j.Validated.Rows },
		events.StagePersistence: func(j *events.Job) (string, events.Artifact) { return "iec", j.Verified.Verdicts },
		events.StageReport:      func(j *events.Job) (string, events.Artifact) { return "persistence", j.Persisted.Outcomes },
	}
	jobs := map[bool]string{true: p.upload("gone.csv", "Gone"), false: p.upload("altered.csv", "Altered")}
	before := map[events.Stage]events.Kind{events.StageValidation: events.KindUploaded, events.StageIEC: events.KindValidated,
		events.StagePersistence: events.KindVerified, events.StageReport: events.KindPersisted}
	for _, stage := range stages {
		mend := map[bool]func(){}
		for remove, id := range jobs {
			job := p.ends(id, before[stage])
			writer, a := inputs[stage](&job)
			mend[remove] = p.damage(writer, a, remove)
		}
		members := p.database()
		p.start(stage)
		for remove, id := range jobs {
			job := p.ends(id, events.KindFailed)
			if f := job.Failed; f.Stage != stage || f.Code != "artifact_damaged" || f.Attempts != 5 || !f.Retryable || !strings.Contains(f.Message, "missing or damaged") {
				t.Errorf("%s, removed %v: %+v", stage, remove, f)
			}
			if p.database() != members {
				t.Errorf("%s, removed %v: something was written", stage, remove)
			}
			if stage == events.StageIEC {
				p.damagedRejects(&job, remove)
			}
			mend[remove]()
			p.post("retry", id)
		}
	}
	for remove, id := range jobs {
		job := p.ends(id, events.KindReported)
		mend := p.damage("report", job.Reported.Report, remove)
		if status, code, _ := p.call(http.MethodGet, "/report/"+id, nil, ""); status != http.StatusBadGateway || code != "report_damaged" {
			t.Errorf("report, removed %v: %d %s", remove, status, code)
		}
		mend()
		if status, code, _ := p.call(http.MethodGet, "/report/"+id, nil, ""); status != http.StatusOK {
			t.Errorf("report put back, removed %v: %d %s", remove, status, code)
		}
	}
}

func (p *plant) damagedRejects(job *events.Job, remove bool) {
	p.t.Helper()
	mend := p.damage("validation", job.Validated.Rejects, remove)
	defer mend()
	if status, code, _ := p.call(http.MethodGet, "/report/"+job.ID+"?part=rejects", nil, ""); status != http.StatusBadGateway || code != "report_damaged" {
		p.t.Errorf("rejects, removed %v: %d %s", remove, status, code)
	}
}
