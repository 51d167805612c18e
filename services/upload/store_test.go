package upload_test

import (
	"net/http"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api/apitest"
)

func (r *rig) objects() int {
	r.T.Helper()
	bucket, err := eventstest.Connect(r.T, r.NATS, eventstest.Owner).ObjectStore(r.T.Context(), events.BucketUploads)
	if err != nil {
		r.T.Fatal(err)
	}
	status, err := bucket.Status(r.T.Context())
	if err != nil {
		r.T.Fatal(err)
	}
	return int(status.Size())
}

// When the log takes no fact there is no job, so the file is removed.
func TestAFactThatIsRefusedLeavesNoFile(t *testing.T) {
	r := newRig(t)
	r.Upload("alice member")
	before := r.objects()
	js := eventstest.Connect(t, r.NATS, eventstest.Owner)
	stream, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	full := stream.CachedInfo().Config
	full.MaxMsgs = 1 // the stream is full
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	a := r.SendForm("alice member", "file", apitest.Roll(t))
	if a.Status != http.StatusInsufficientStorage || a.Error.Code != "storage_full" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if grown := r.objects() - before; grown != 0 {
		t.Errorf("%d bytes were left behind", grown)
	}
	if h := r.Get("alice member", "/history"); h.Data["total"] != 1.0 {
		t.Errorf("listed: %s", h.Raw)
	}
}

func TestTooManyFilesAtOnceAreRefusedAsBusy(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.MaxUploads, c.Upload.MaxWait = 1, 10*time.Millisecond })
	release, err := r.Intake.WaitForSlot(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	a := r.SendForm("alice member", "file", apitest.Roll(t))
	if a.Status != 503 || a.Error.Code != "busy" || a.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	release()
	r.Upload("alice member")
}
