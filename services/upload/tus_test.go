package upload

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// metadata is a header Upload-Metadata of names and values in turn.
func metadata(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(list, ",")
}

// tus makes a request of the protocol with headers in turn.
func (r *rig) tus(who, method, path string, body io.Reader, headers ...string) reply {
	r.t.Helper()
	contentType := ""
	if body != nil {
		contentType = "application/offset+octet-stream"
	}
	return r.do(who, method, path, body, contentType, func(h http.Header) {
		h.Set("Tus-Resumable", "1.0.0")
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
	})
}

// begun is the id of an upload of so many bytes.
func (r *rig) begun(who, size string, meta ...string) string {
	r.t.Helper()
	a := r.tus(who, http.MethodPost, "/tus", nil, "Upload-Length", size, "Upload-Metadata", metadata(meta...))
	if a.status != http.StatusCreated {
		r.t.Fatalf("begin: %d %s", a.status, a.raw)
	}
	return path.Base(a.header.Get("Location"))
}

func (r *rig) part(who, id string, at int, body string) reply {
	r.t.Helper()
	return r.tus(who, http.MethodPatch, "/tus/"+id, strings.NewReader(body), "Upload-Offset", strconv.Itoa(at))
}

func (r *rig) offset(who, id string) (int, reply) {
	r.t.Helper()
	a := r.tus(who, http.MethodHead, "/tus/"+id, nil)
	n, err := strconv.Atoi(a.header.Get("Upload-Offset"))
	if a.status == http.StatusOK && err != nil {
		r.t.Fatal(err)
	}
	return n, a
}

// parts is how many messages the stream has.
func (r *rig) parts() uint64 {
	r.t.Helper()
	s, err := eventstest.Connect(r.t, r.nats, "operator").Stream(r.t.Context(), events.StreamPartial)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// reader is who may read uploads.
func (r *rig) reader() *events.Store {
	return events.NewStore(eventstest.Connect(r.t, r.nats, "validation"))
}

// An upload in parts becomes the job that one in a form would, with the same bytes,
// and each part may go to another replica.
func TestAnUploadInPartsBecomesAJob(t *testing.T) {
	r := newRig(t)
	roll := goodRoll(t)
	other := New(r.svc.cfg)
	srv := httptest.NewServer(other.Handler())
	t.Cleanup(srv.Close)
	id := r.begun("alice member", strconv.Itoa(len(roll)), "filename", "März.xlsx", "dry_run", "true", "secret", "x")
	first, third := len(roll)/3, 2*len(roll)/3
	if a := r.part("alice member", id, 0, roll[:first]); a.status != http.StatusNoContent || a.header.Get("Upload-Offset") != strconv.Itoa(first) || a.header.Get(headerJob) != "" {
		t.Fatalf("first part: %d %s %v", a.status, a.raw, a.header)
	}
	here := r.url
	r.url = srv.URL + Base
	if n, a := r.offset("alice member", id); n != first || a.header.Get("Upload-Length") != strconv.Itoa(len(roll)) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the other replica has %d: %v", n, a.header)
	}
	if a := r.part("alice member", id, first, roll[first:third]); a.status != http.StatusNoContent {
		t.Fatalf("second part: %d %s", a.status, a.raw)
	}
	r.url = here
	if a := r.part("alice member", id, first, roll[first:]); a.status != http.StatusConflict {
		t.Errorf("an offset that is past: %d %s", a.status, a.raw)
	}
	a := r.part("alice member", id, third, roll[third:])
	job := a.header.Get(headerJob)
	if a.status != http.StatusNoContent || !events.ValidJobID(job) {
		t.Fatalf("last part: %d %s %v", a.status, a.raw, a.header)
	}
	loaded, err := r.log.Load(t.Context(), job)
	if err != nil || loaded.FileName != "März.xlsx" || !loaded.Options.DryRun || loaded.Owner.ID != "alice" || loaded.Uploaded.File.Size != int64(len(roll)) {
		t.Fatalf("%+v, %v", loaded, err)
	}
	file, err := r.reader().Fetch(t.Context(), loaded.Uploaded.File)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Error(err)
	}

	// Its answer was lost: whatever is asked again names the same job.
	for range 2 {
		if n, a := r.offset("alice member", id); n != len(roll) || a.header.Get(headerJob) != job {
			t.Errorf("afterwards: %d %v", n, a.header)
		}
		if a := r.part("alice member", id, len(roll), ""); a.status != http.StatusNoContent || a.header.Get(headerJob) != job {
			t.Errorf("the last part again: %d %s %v", a.status, a.raw, a.header)
		}
	}
	if n := r.parts(); n != 1 {
		t.Errorf("%d messages are kept of it", n)
	}
	if a := r.tus("alice member", http.MethodDelete, "/tus/"+id, nil); a.status != http.StatusNoContent {
		t.Errorf("forget: %d %s", a.status, a.raw)
	}
	if _, a := r.offset("alice member", id); a.status != http.StatusNotFound {
		t.Errorf("forgotten: %d", a.status)
	}
	if _, err := r.log.Load(t.Context(), job); err != nil {
		t.Errorf("with the upload went its job: %v", err)
	}
}

// What came before a line broke is stored to the last byte.
func TestAPartThatIsCutOffCountsAsFarAsItCame(t *testing.T) {
	r := newRig(t)
	roll := goodRoll(t)
	id := r.begun("alice member", strconv.Itoa(len(roll)))
	host := strings.TrimPrefix(strings.TrimSuffix(r.url, Base), "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "PATCH "+Base+"/tus/"+id+" HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: Bearer alice member\r\nTus-Resumable: 1.0.0\r\n"+
		"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: "+strconv.Itoa(len(roll))+"\r\n\r\n"+roll[:1001])
	if err = errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "what came to be stored", func() bool { n, _ := r.offset("alice member", id); return n == 1001 })
	if a := r.part("alice member", id, 1001, roll[1001:]); a.status != http.StatusNoContent || a.header.Get(headerJob) == "" {
		t.Errorf("the rest: %d %s", a.status, a.raw)
	}
}

// A whole file in the first request is a job at once, larger ones come in blocks, and of
// two parts at the same place one is stored.
func TestBlocks(t *testing.T) {
	r := newRig(t)
	roll := goodRoll(t)
	a := r.tus("alice member", http.MethodPost, "/tus", strings.NewReader(roll), "Upload-Length", strconv.Itoa(len(roll)))
	if a.status != http.StatusCreated || !events.ValidJobID(a.header.Get(headerJob)) || !strings.HasPrefix(a.header.Get("Location"), Base+"/tus/") {
		t.Errorf("with its bytes: %d %s %v", a.status, a.raw, a.header)
	}
	long := "ID Number\n" + strings.Repeat("8001015009087\n", 3*block/14)
	id := r.begun("alice member", strconv.Itoa(len(long)), "filename", "roll.csv")
	p, err := r.svc.partials.load(t.Context(), "alice", id)
	if err != nil {
		t.Fatal(err)
	}
	late := *p
	if n, err := r.svc.partials.write(t.Context(), p, strings.NewReader(long[:block+5])); n != block+5 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := r.svc.partials.write(t.Context(), &late, strings.NewReader("no")); !errors.Is(err, errOvertaken) {
		t.Errorf("a second one at the same place: %v", err)
	}
	if a := r.part("alice member", id, block+5, long[block+5:]); a.status != http.StatusNoContent {
		t.Fatalf("the rest: %d %s", a.status, a.raw)
	}
	_, head := r.offset("alice member", id)
	job, err := r.log.Load(t.Context(), head.header.Get(headerJob))
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

// arrived is the id of an upload of alice's that is there whole and is no job.
func (r *rig) arrived(file string) string {
	r.t.Helper()
	id := r.begun("alice member", strconv.Itoa(len(file)))
	p, err := r.svc.partials.load(r.t.Context(), "alice", id)
	if err == nil {
		_, err = r.svc.partials.write(r.t.Context(), p, strings.NewReader(file))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// A process that dies after the last byte leaves a whole upload that is no job yet; who
// asks for it next, or sends its last part again, makes it one.
func TestAWholeUploadThatIsNoJobBecomesOne(t *testing.T) {
	r := newRig(t)
	roll := goodRoll(t)
	for _, ask := range []func(id string) reply{
		func(id string) reply { _, a := r.offset("alice member", id); return a },
		func(id string) reply { return r.part("alice member", id, len(roll), "") },
	} {
		id := r.arrived(roll)
		first := ask(id).header.Get(headerJob)
		if again := ask(id).header.Get(headerJob); !events.ValidJobID(first) || again != first {
			t.Errorf("it became %q, and %q", first, again)
		}
	}
	// Died between the job and the note of it: the job is found again.
	id := r.arrived(roll)
	f := &form{key: id, name: fileName("")}
	if err := r.svc.spool(f, strings.NewReader(roll)); err != nil {
		t.Fatal(err)
	}
	job, first, err := r.svc.admit(t.Context(), Principal{User: events.User{ID: "alice", Role: "member"}}, f)
	if err = errors.Join(err, f.close()); err != nil || !first {
		t.Fatal(err)
	}
	if _, a := r.offset("alice member", id); a.header.Get(headerJob) != job.ID {
		t.Errorf("%s became %v", job.ID, a.header)
	}
}

// What is refused is refused as of a form, as early as it can be, and leaves nothing.
func TestUploadsInPartsThatAreRefused(t *testing.T) {
	r := newRig(t, func(c *Config) { c.UserUploads = 3 })
	for what, c := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"too large":  {[]string{"Upload-Length", strconv.Itoa(2 << 20)}, http.StatusRequestEntityTooLarge, "file_too_large"},
		"empty":      {[]string{"Upload-Length", "0"}, http.StatusBadRequest, "empty_file"},
		"no length":  {nil, http.StatusBadRequest, ""},
		"bad option": {[]string{"Upload-Length", "9", "Upload-Metadata", metadata("dry_run", "maybe")}, http.StatusBadRequest, "bad_request"},
		"version":    {[]string{"Upload-Length", "9", "Tus-Resumable", "0.2.0"}, http.StatusPreconditionFailed, ""},
	} {
		if a := r.tus("alice member", http.MethodPost, "/tus", nil, c.headers...); a.status != c.status || a.Error.Code != c.code {
			t.Errorf("%s: %d %s", what, a.status, a.raw)
		}
	}
	if n := r.parts(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	id := r.begun("alice member", "20")
	if a := r.part("alice member", id, 0, strings.Repeat("x", 21)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("more than there is: %d %s", a.status, a.raw)
	}
	if a := r.part("alice member", id, 0, "this is no workbook."); a.status/100 != 4 || a.Error.Code == "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("no workbook: %d %s", a.status, a.raw)
	}
	if _, a := r.offset("alice member", id); a.status != http.StatusNotFound {
		t.Errorf("a refused one is kept: %d", a.status)
	}
	if n := r.parts(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	for range 3 {
		r.uploaded("alice member")
	}
	if a := r.tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", "9"); a.status != http.StatusTooManyRequests || a.Error.Details["of"] != "uploads_per_hour" {
		t.Errorf("too many an hour: %d %s", a.status, a.raw)
	}
	for range maxUnfinished {
		r.begun("bob member", "9")
	}
	if a := r.tus("bob member", http.MethodPost, "/tus", nil, "Upload-Length", "9"); a.status != http.StatusTooManyRequests || a.Error.Details["of"] != "transfers" {
		t.Errorf("too many that have not arrived: %d %s", a.status, a.raw)
	}
	r.begun("carol member", "9")
}

func TestTusOptions(t *testing.T) {
	r := newRig(t)
	a := r.tus("alice member", http.MethodOptions, "/tus", nil)
	if a.status != http.StatusOK || a.header.Get("Tus-Version") != "1.0.0" || a.header.Get("Tus-Extension") != "creation,creation-with-upload,termination,expiration" ||
		a.header.Get("Tus-Max-Size") != strconv.Itoa(1<<20) {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := r.tus("alice member", http.MethodGet, "/tus/6b8e7c1e-2f0a-4d53-9a56-5f1f7a3e9b10", nil); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "HEAD, PATCH, DELETE" {
		t.Errorf("downloads: %d", a.status)
	}
}

// A line that gives a byte now and then is cut after a while; what came stays.
func TestAStalledPartIsCut(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Idle = 200 * time.Millisecond })
	roll := goodRoll(t)
	id := r.begun("alice member", strconv.Itoa(len(roll)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, r.url+"/tus/"+id, pr)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": "Bearer alice member", "Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"} {
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

// Each answer says until when an upload may go on; then it is gone, and with it what
// had arrived. One that is a job says no such thing.
func TestAnUploadExpires(t *testing.T) {
	r := newRig(t)
	roll := goodRoll(t)
	before := time.Now().Truncate(time.Second)
	soon := func(what string, a reply) {
		t.Helper()
		at, err := http.ParseTime(a.header.Get(headerExpires))
		if err != nil || at.Before(before.Add(events.PartialTTL)) || at.After(time.Now().Add(events.PartialTTL)) {
			t.Errorf("%s: expires %v, %v", what, at, err)
		}
	}
	a := r.tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", strconv.Itoa(len(roll)))
	soon("begun", a)
	id := path.Base(a.header.Get("Location"))
	soon("a part", r.part("alice member", id, 0, roll[:9]))
	_, a = r.offset("alice member", id)
	soon("offset", a)
	last := r.part("alice member", id, 9, roll[9:])
	_, a = r.offset("alice member", id)
	for _, a := range []reply{last, a} {
		if a.header.Get(headerJob) == "" || a.header.Get(headerExpires) != "" {
			t.Errorf("a job: %v", a.header)
		}
	}

	id = r.begun("alice member", strconv.Itoa(len(roll)))
	if a := r.part("alice member", id, 0, roll[:9]); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	js := eventstest.Connect(t, r.nats, "provisioner")
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
	if _, a := r.offset("alice member", id); a.status != http.StatusNotFound || a.header.Get(headerExpires) != "" {
		t.Errorf("offset of an expired one: %d %v", a.status, a.header)
	}
	if a := r.part("alice member", id, 9, roll[9:]); a.status != http.StatusNotFound || a.Error.Code != "not_found" {
		t.Errorf("part of an expired one: %d %s", a.status, a.raw)
	}
}
