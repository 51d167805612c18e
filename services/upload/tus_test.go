package upload_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/upload"
)

func (r *rig) part(who, id string, at int, body string) apitest.Reply {
	r.T.Helper()
	return r.Tus(who, http.MethodPatch, "/tus/"+id, strings.NewReader(body), "Upload-Offset", strconv.Itoa(at))
}

func (r *rig) offset(who, id string) (int, apitest.Reply) {
	r.T.Helper()
	a := r.Tus(who, http.MethodHead, "/tus/"+id, nil)
	n, err := strconv.Atoi(a.Header.Get("Upload-Offset"))
	if a.Status == http.StatusOK && err != nil {
		r.T.Fatal(err)
	}
	return n, a
}

// parts returns how many messages the stream of parts has.
func (r *rig) parts() uint64 {
	r.T.Helper()
	s, err := eventstest.Connect(r.T, r.NATS, "operator").Stream(r.T.Context(), events.StreamPartial)
	if err != nil {
		r.T.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// reader returns a store that may read uploads.
func (r *rig) reader() *events.Store {
	return events.NewStore(eventstest.Connect(r.T, r.NATS, "validation"))
}

// An upload in parts becomes the same job as one in a form, and each part may go to
// another replica.
func TestAnUploadInPartsBecomesAJob(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	other := r.Replica()
	id := r.BeginTus("alice member", strconv.Itoa(len(roll)), "filename", "März.xlsx", "dry_run", "true", "secret", "x")
	first, third := len(roll)/3, 2*len(roll)/3
	if a := r.part("alice member", id, 0, roll[:first]); a.Status != http.StatusNoContent ||
		a.Header.Get("Upload-Offset") != strconv.Itoa(first) ||
		a.Header.Get(upload.HeaderJob) != "" {
		t.Fatalf("first part: %d %s %v", a.Status, a.Raw, a.Header)
	}
	here := r.URL
	r.URL = other.URL
	if n, a := r.offset("alice member", id); n != first || a.Header.Get("Upload-Length") != strconv.Itoa(len(roll)) ||
		a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the other replica has %d: %v", n, a.Header)
	}
	if a := r.part("alice member", id, first, roll[first:third]); a.Status != http.StatusNoContent {
		t.Fatalf("second part: %d %s", a.Status, a.Raw)
	}
	r.URL = here
	if a := r.part("alice member", id, first, roll[first:]); a.Status != http.StatusConflict {
		t.Errorf("an offset that is past: %d %s", a.Status, a.Raw)
	}
	a := r.part("alice member", id, third, roll[third:])
	job := a.Header.Get(upload.HeaderJob)
	if a.Status != http.StatusNoContent || !events.ValidJobID(job) {
		t.Fatalf("last part: %d %s %v", a.Status, a.Raw, a.Header)
	}
	loaded, err := r.Log.Load(t.Context(), job)
	if err != nil || loaded.FileName != "März.xlsx" || !loaded.Options.DryRun || loaded.Owner.ID != "alice" ||
		loaded.Uploaded.File.Size != int64(len(roll)) {
		t.Fatalf("%+v, %v", loaded, err)
	}
	file, err := r.reader().Fetch(t.Context(), loaded.Uploaded.File)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Error(err)
	}

	// A client that has lost the answer asks again and gets the same job.
	for range 2 {
		if n, a := r.offset("alice member", id); n != len(roll) || a.Header.Get(upload.HeaderJob) != job {
			t.Errorf("afterwards: %d %v", n, a.Header)
		}
		if a := r.part("alice member", id, len(roll), ""); a.Status != http.StatusNoContent ||
			a.Header.Get(upload.HeaderJob) != job {
			t.Errorf("the last part again: %d %s %v", a.Status, a.Raw, a.Header)
		}
	}
	if n := r.parts(); n != 1 {
		t.Errorf("%d messages are kept of it", n)
	}
	if a := r.Tus("alice member", http.MethodDelete, "/tus/"+id, nil); a.Status != http.StatusNoContent {
		t.Errorf("forget: %d %s", a.Status, a.Raw)
	}
	if _, a := r.offset("alice member", id); a.Status != http.StatusNotFound {
		t.Errorf("forgotten: %d", a.Status)
	}
	if _, err := r.Log.Load(t.Context(), job); err != nil {
		t.Errorf("with the upload went its job: %v", err)
	}
}

// Every byte that came before a connection broke is stored.
func TestAPartThatIsCutOffCountsAsFarAsItCame(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	id := r.BeginTus("alice member", strconv.Itoa(len(roll)))
	host := strings.TrimPrefix(strings.TrimSuffix(r.URL, api.Base), "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "PATCH "+api.Base+"/tus/"+id+" HTTP/1.1\r\nHost: "+host+"\r\n"+
		"Authorization: Bearer alice member\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"+
		"Content-Type: application/offset+octet-stream\r\nContent-Length: "+strconv.Itoa(len(roll))+"\r\n\r\n"+roll[:1001])
	if err = errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "what came to be stored", func() bool { n, _ := r.offset("alice member", id); return n == 1001 })
	if a := r.part("alice member", id, 1001, roll[1001:]); a.Status != http.StatusNoContent ||
		a.Header.Get(upload.HeaderJob) == "" {
		t.Errorf("the rest: %d %s", a.Status, a.Raw)
	}
}

// A whole file in the first request becomes a job at once, larger files are stored in
// blocks, and of two parts at the same offset one is stored.
func TestPartsAreStoredInBlocks(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	a := r.Tus("alice member", http.MethodPost, "/tus", strings.NewReader(roll), "Upload-Length", strconv.Itoa(len(roll)))
	if a.Status != http.StatusCreated || !events.ValidJobID(a.Header.Get(upload.HeaderJob)) ||
		!strings.HasPrefix(a.Header.Get("Location"), api.Base+"/tus/") {
		t.Errorf("with its bytes: %d %s %v", a.Status, a.Raw, a.Header)
	}
	long := "ID Number\n" + strings.Repeat("8001015009087\n", 3*upload.Block/14)
	id := r.BeginTus("alice member", strconv.Itoa(len(long)), "filename", "roll.csv")
	write, err := r.Intake.LoadPartial(t.Context(), "alice", id)
	if err != nil {
		t.Fatal(err)
	}
	writeLate, err := r.Intake.LoadPartial(t.Context(), "alice", id)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := write(strings.NewReader(long[:upload.Block+5])); n != upload.Block+5 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := writeLate(strings.NewReader("no")); !errors.Is(err, upload.ErrOvertaken) {
		t.Errorf("a second one at the same place: %v", err)
	}
	if a := r.part("alice member", id, upload.Block+5, long[upload.Block+5:]); a.Status != http.StatusNoContent {
		t.Fatalf("the rest: %d %s", a.Status, a.Raw)
	}
	_, head := r.offset("alice member", id)
	job, err := r.Log.Load(t.Context(), head.Header.Get(upload.HeaderJob))
	if err != nil {
		t.Fatal(err)
	}
	file, err := r.reader().Fetch(t.Context(), job.Uploaded.File)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil || !bytes.Equal(got, []byte(long)) {
		t.Errorf("%d bytes of %d, %v", len(got), len(long), err)
	}
}

// arrived stores a whole upload of alice's that is no job yet, and returns its id.
func (r *rig) arrived(file string) string {
	r.T.Helper()
	id := r.BeginTus("alice member", strconv.Itoa(len(file)))
	write, err := r.Intake.LoadPartial(r.T.Context(), "alice", id)
	if err == nil {
		_, err = write(strings.NewReader(file))
	}
	if err != nil {
		r.T.Fatal(err)
	}
	return id
}

// A process that dies after the last byte leaves a whole upload that is no job yet. The
// next request for it makes it a job.
func TestAWholeUploadThatIsNoJobBecomesOne(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	for _, ask := range []func(id string) apitest.Reply{
		func(id string) apitest.Reply { _, a := r.offset("alice member", id); return a },
		func(id string) apitest.Reply { return r.part("alice member", id, len(roll), "") },
	} {
		id := r.arrived(roll)
		first := ask(id).Header.Get(upload.HeaderJob)
		if again := ask(id).Header.Get(upload.HeaderJob); !events.ValidJobID(first) || again != first {
			t.Errorf("it became %q, and %q", first, again)
		}
	}
	// A process that dies between the job and the note of it: the job is found again.
	id := r.arrived(roll)
	job, first, err := r.Intake.Admit(t.Context(), events.User{ID: "alice", Role: "member"}, id, roll)
	if err != nil || !first {
		t.Fatal(err)
	}
	if _, a := r.offset("alice member", id); a.Header.Get(upload.HeaderJob) != job.ID {
		t.Errorf("%s became %v", job.ID, a.Header)
	}
}

// Uploads in parts are refused like forms, as early as possible, and leave nothing behind.
func TestUploadsInPartsThatAreRefused(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.UserUploads = 3 })
	for what, c := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"too large": {[]string{"Upload-Length", strconv.Itoa(2 << 20)}, http.StatusRequestEntityTooLarge, "file_too_large"},
		"empty":     {[]string{"Upload-Length", "0"}, http.StatusBadRequest, "empty_file"},
		"no length": {nil, http.StatusBadRequest, ""},
		"bad option": {
			[]string{"Upload-Length", "9", "Upload-Metadata", apitest.Metadata("dry_run", "maybe")},
			http.StatusBadRequest, "bad_request",
		},
		"version": {[]string{"Upload-Length", "9", "Tus-Resumable", "0.2.0"}, http.StatusPreconditionFailed, ""},
	} {
		if a := r.Tus("alice member", http.MethodPost, "/tus", nil, c.headers...); a.Status != c.status ||
			a.Error.Code != c.code {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	if n := r.parts(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	id := r.BeginTus("alice member", "20")
	if a := r.part("alice member", id, 0, strings.Repeat("x", 21)); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("more than there is: %d %s", a.Status, a.Raw)
	}
	if a := r.part("alice member", id, 0, "this is no workbook."); a.Status/100 != 4 || a.Error.Code == "" ||
		a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("no workbook: %d %s", a.Status, a.Raw)
	}
	if _, a := r.offset("alice member", id); a.Status != http.StatusNotFound {
		t.Errorf("a refused one is kept: %d", a.Status)
	}
	if n := r.parts(); n != 1 { // which counts the file as an upload
		t.Errorf("%d messages are left", n)
	}
	for range 2 {
		r.Upload("alice member")
	}
	a := r.Tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", "9")
	if a.Status != http.StatusTooManyRequests || a.Error.Details["of"] != "uploads_per_hour" {
		t.Errorf("too many an hour: %d %s", a.Status, a.Raw)
	}
	for range upload.MaxUnfinished {
		r.BeginTus("bob member", "9")
	}
	a = r.Tus("bob member", http.MethodPost, "/tus", nil, "Upload-Length", "9")
	if a.Status != http.StatusTooManyRequests || a.Error.Details["of"] != "transfers" {
		t.Errorf("too many that have not arrived: %d %s", a.Status, a.Raw)
	}
	r.BeginTus("carol member", "9")
}

func TestTusOptionsNameTheExtensions(t *testing.T) {
	r := newRig(t)
	a := r.Tus("", http.MethodOptions, "/tus", nil)
	if a.Status != http.StatusOK || a.Header.Get("Tus-Version") != "1.0.0" ||
		a.Header.Get("Tus-Extension") != "creation,creation-with-upload,termination,concatenation,expiration,checksum" ||
		a.Header.Get("Tus-Checksum-Algorithm") != "sha1,sha256,sha512" ||
		a.Header.Get("Tus-Max-Size") != strconv.Itoa(1<<20) {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	a = r.Tus("alice member", http.MethodGet, "/tus/6b8e7c1e-2f0a-4d53-9a56-5f1f7a3e9b10", nil)
	if a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "HEAD, PATCH, DELETE" {
		t.Errorf("downloads: %d", a.Status)
	}
}

// A connection that gives a byte now and then is cut; what came is kept.
func TestAStalledPartIsCut(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.Idle = 200 * time.Millisecond })
	roll := apitest.Roll(t)
	id := r.BeginTus("alice member", strconv.Itoa(len(roll)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, r.URL+"/tus/"+id, pr)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer alice member", "Tus-Resumable": "1.0.0", "Upload-Offset": "0",
		"Content-Type": "application/offset+octet-stream",
	} {
		req.Header.Set(name, value)
	}
	req.ContentLength = int64(len(roll))
	sent := make(chan int)
	go func() { // a byte now and then
		n := 0
		for ; n < len(roll); n++ {
			if _, err := pw.Write([]byte(roll[n : n+1])); err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		sent <- n
	}()
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		err = resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("a stalled part was taken: %d", resp.StatusCode)
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("it was not cut: %v", err)
	}
	_ = pr.Close() // ends the writer
	if n := <-sent; n == len(roll) {
		t.Error("all of it was read")
	}
	eventstest.Wait(t, "what came to be stored", func() bool { n, _ := r.offset("alice member", id); return n > 0 })
}

// Each answer says when the upload expires, unless it is a job. Then it is gone with all
// that had arrived.
func TestAnUploadExpires(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	before := time.Now().Truncate(time.Second)
	soon := func(what string, a apitest.Reply) {
		t.Helper()
		at, err := http.ParseTime(a.Header.Get(upload.HeaderExpires))
		if err != nil || at.Before(before.Add(events.PartialTTL)) || at.After(time.Now().Add(events.PartialTTL)) {
			t.Errorf("%s: expires %v, %v", what, at, err)
		}
	}
	a := r.Tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", strconv.Itoa(len(roll)))
	soon("begun", a)
	id := path.Base(a.Header.Get("Location"))
	soon("a part", r.part("alice member", id, 0, roll[:9]))
	_, a = r.offset("alice member", id)
	soon("offset", a)
	last := r.part("alice member", id, 9, roll[9:])
	_, a = r.offset("alice member", id)
	for _, a := range []apitest.Reply{last, a} {
		if a.Header.Get(upload.HeaderJob) == "" || a.Header.Get(upload.HeaderExpires) != "" {
			t.Errorf("a job: %v", a.Header)
		}
	}

	id = r.BeginTus("alice member", strconv.Itoa(len(roll)))
	if a := r.part("alice member", id, 0, roll[:9]); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	js := eventstest.Connect(t, r.NATS, eventstest.Owner)
	stream, err := js.Stream(t.Context(), events.StreamPartial)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	if cfg.MaxAge != events.PartialTTL {
		t.Errorf("parts are kept for %v", cfg.MaxAge)
	}
	cfg.MaxAge, cfg.Duplicates = 200*time.Millisecond, 200*time.Millisecond
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "the parts to go", func() bool { return r.parts() == 0 })
	if _, a := r.offset("alice member", id); a.Status != http.StatusNotFound || a.Header.Get(upload.HeaderExpires) != "" {
		t.Errorf("offset of an expired one: %d %v", a.Status, a.Header)
	}
	if a := r.part("alice member", id, 9, roll[9:]); a.Status != http.StatusNotFound || a.Error.Code != "not_found" {
		t.Errorf("part of an expired one: %d %s", a.Status, a.Raw)
	}
}
