package api_test

import (
	"strings"
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

// A declined undo has written nothing: it may be asked for again, as often as it is
// declined, and each time once.
func TestAnUndoMayBeAskedForAgainOnceDeclined(t *testing.T) {
	r := newRig(t, defaultPolicy)
	id := r.Upload("alice national_admin")
	r.Append(id, eventstest.Facts(id)...)
	seen := map[string]bool{}
	for range 3 {
		a := r.Post("boss national_admin", "/undo/"+id)
		if a.Status != 202 {
			t.Fatalf("asked for: %d %s", a.Status, a.Raw)
		}
		undo := a.Data["job_id"].(string)
		if seen[undo] {
			t.Fatalf("%s again: %s", undo, a.Raw)
		}
		seen[undo] = true
		if b := r.Post("boss national_admin", "/undo/"+id); b.Status != 200 || b.Data["job_id"] != undo {
			t.Errorf("twice: %d %s", b.Status, b.Raw)
		}
		r.propose(undo, events.ProposedUndo)
		if b := r.Post("alice national_admin", "/retry/"+undo); b.Status != 409 || b.Error.Code != "not_allowed" {
			t.Errorf("retried while it waits: %d %s", b.Status, b.Raw)
		}
		if b := r.Do("third national_admin", "POST", "/decline/"+undo, strings.NewReader(`{"reason":"No."}`),
			"application/json"); b.Status != 200 {
			t.Fatalf("declined: %d %s", b.Status, b.Raw)
		}
	}
}
