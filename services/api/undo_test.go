package api_test

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestUndoIsAJobOfItsOwn(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member")
	if a := r.Post("alice member", "/undo/"+id); a.Status != 409 || a.Error.Code != "not_allowed" {
		t.Errorf("a running job: %d %s", a.Status, a.Raw)
	}
	for _, fact := range eventstest.Facts(id) {
		r.Append(id, fact)
	}
	if a := r.Post("bob member", "/undo/"+id); a.Status != 404 {
		t.Errorf("somebody else's: %d %s", a.Status, a.Raw)
	}
	a := r.Post("root national_admin", "/undo/"+id)
	if a.Status != 202 || a.Data["job_id"] != events.UndoJobID(id) || a.Data["user_id"] != "alice" ||
		a.Data["options"].(map[string]any)["undoes"] != id {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	undo := a.Data["job_id"].(string)
	if b := r.Post("alice member", "/undo/"+id); b.Status != 200 || b.Data["job_id"] != undo {
		t.Errorf("twice: %d %s", b.Status, b.Raw)
	}
	if b := r.Get("alice member", "/report/"+undo+"?part=rejects"); b.Status != 404 || b.Error.Code != "nothing_to_fix" {
		t.Errorf("its rows to fix: %d %s", b.Status, b.Raw)
	}
	for _, path := range []string{"/undo/" + undo, "/cancel/" + undo} {
		if b := r.Post("alice member", path); b.Status != 409 {
			t.Errorf("%s: %d %s", path, b.Status, b.Raw)
		}
	}
}

func TestJobsThatWroteNothingCannotBeUndone(t *testing.T) {
	r := newRig(t)
	id := r.Upload("alice member", "dry_run", "true")
	for _, fact := range eventstest.Facts(id) {
		r.Append(id, fact)
	}
	if a := r.Post("alice member", "/undo/"+id); a.Status != 409 {
		t.Errorf("a dry run: %d %s", a.Status, a.Raw)
	}
	id = r.Upload("alice member")
	r.Post("alice member", "/cancel/"+id)
	if a := r.Post("alice member", "/undo/"+id); a.Status != 409 {
		t.Errorf("cancelled early: %d %s", a.Status, a.Raw)
	}
}
