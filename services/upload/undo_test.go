package upload

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestUndoIsAJobOfItsOwn(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	if a := r.post("alice member", "/undo/"+id); a.status != 409 || a.Error.Code != "not_allowed" {
		t.Errorf("a running job: %d %s", a.status, a.raw)
	}
	for _, fact := range eventstest.Facts(id) {
		r.as(id, fact)
	}
	if a := r.post("bob member", "/undo/"+id); a.status != 404 {
		t.Errorf("somebody else's: %d %s", a.status, a.raw)
	}
	a := r.post("root national_admin", "/undo/"+id)
	if a.status != 202 || a.Data["job_id"] != events.UndoJobID(id) || a.Data["user_id"] != "alice" || a.Data["options"].(map[string]any)["undoes"] != id {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	undo := a.Data["job_id"].(string)
	if b := r.post("alice member", "/undo/"+id); b.status != 200 || b.Data["job_id"] != undo {
		t.Errorf("twice: %d %s", b.status, b.raw)
	}
	if b := r.get("alice member", "/report/"+undo+"?part=rejects"); b.status != 404 || b.Error.Code != "nothing_to_fix" {
		t.Errorf("its rows to fix: %d %s", b.status, b.raw)
	}
	for _, path := range []string{"/undo/" + undo, "/cancel/" + undo} {
		if b := r.post("alice member", path); b.status != 409 {
			t.Errorf("%s: %d %s", path, b.status, b.raw)
		}
	}
}

func TestWhatWroteNothingCannotBeUndone(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member", "dry_run", "true")
	for _, fact := range eventstest.Facts(id) {
		r.as(id, fact)
	}
	if a := r.post("alice member", "/undo/"+id); a.status != 409 {
		t.Errorf("a dry run: %d %s", a.status, a.raw)
	}
	id = r.uploaded("alice member")
	r.post("alice member", "/cancel/"+id)
	if a := r.post("alice member", "/undo/"+id); a.status != 409 {
		t.Errorf("cancelled early: %d %s", a.status, a.raw)
	}
}
