package upload

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

func (r *rig) objects() int {
	r.t.Helper()
	bucket, err := eventstest.Connect(r.t, r.nats, "provisioner").ObjectStore(r.t.Context(), events.BucketUploads)
	if err != nil {
		r.t.Fatal(err)
	}
	status, err := bucket.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return int(status.Size())
}

func goodRoll(t *testing.T) string {
	t.Helper()
	return workbookOf(t, []string{"ID Number"}, []string{"8001015009087"})
}

// A log that takes no fact means a job that does not exist: its file goes too.
func TestAFactThatIsRefusedLeavesNoFile(t *testing.T) {
	r := newRig(t)
	r.uploaded("alice member")
	before := r.objects()
	js := eventstest.Connect(t, r.nats, "provisioner")
	stream, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	full := stream.CachedInfo().Config
	full.MaxMsgs = 1 // the stream is full
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	a := r.upload("alice member", "file", goodRoll(t))
	if a.status != http.StatusInsufficientStorage || a.Error.Code != "storage_full" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if grown := r.objects() - before; grown != 0 {
		t.Errorf("%d bytes were left behind", grown)
	}
	if h := r.get("alice member", "/history"); h.Data["total"] != 1.0 {
		t.Errorf("listed: %s", h.raw)
	}
}

func TestOptionsMayStandInTheAddress(t *testing.T) {
	r := newRig(t)
	body, contentType := multipartOf(t, "file", goodRoll(t), "dry_run", "false")
	a := r.do("alice member", http.MethodPost, "/process?iec_verification=false&dry_run=true", body, contentType)
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	job, err := r.log.Load(t.Context(), a.Data["job_id"].(string))
	if err != nil || job.Options != (events.Options{SkipIEC: true}) {
		t.Fatalf("the form's word is not the last: %+v, %v", job.Options, err)
	}
}

func TestAnIDNumberInAFileNameIsMasked(t *testing.T) {
	for sent, want := range map[string]string{
		"8001015009087.xlsx":    "800101*****87.xlsx",
		"roll 20260301 v2.xlsx": "roll 20260301 v2.xlsx",
		"a\u202exslx.exe":       "axslx.exe",
		strings.Repeat("/", 50): "upload.xlsx",
		`..\..\8001015009087`:   "800101*****87",
	} {
		if got := fileName(sent); got != want {
			t.Errorf("%q becomes %q, want %q", sent, got, want)
		}
	}
}

func TestFormsThatAskForTooMuch(t *testing.T) {
	r := newRig(t)
	many := []string{}
	for i := range maxParts + 1 {
		many = append(many, fmt.Sprintf("field%d", i), "x")
	}
	if a := r.upload("alice member", append(many, "file", goodRoll(t))...); a.status != 400 || a.Error.Code != "bad_request" {
		t.Errorf("many parts: %d %s", a.status, a.raw)
	}
	for name, body := range map[string]string{
		"endless header": "--b\r\nContent-Disposition: form-data; name=\"file\"\r\nX-A: " + strings.Repeat("x", 1<<20+1<<19),
		"cut in the file": "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n" +
			goodRoll(t)[:100],
	} {
		a := r.do("alice member", http.MethodPost, "/process", strings.NewReader(body), "multipart/form-data; boundary=b")
		if a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	// Without a length the limit is found while reading.
	pipe, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n")
		for err == nil {
			_, err = w.Write(bytes.Repeat([]byte("x"), 64<<10))
		}
	}()
	a := r.do("alice member", http.MethodPost, "/process", pipe, "multipart/form-data; boundary=b")
	_ = pipe.Close()
	if a.status != 413 || a.Error.Code != "file_too_large" || a.Error.Details["max_bytes"] != float64(1<<20) {
		t.Errorf("endless file: %d %s", a.status, a.raw)
	}
	if !r.empty() {
		t.Error("something was left behind")
	}
}

// A client that goes quiet in the middle is answered and let go, and one that
// goes away leaves nothing.
func TestAnUploadThatStalls(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Idle = 50 * time.Millisecond })
	host, _, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), "/")
	for _, leave := range []bool{false, true} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "POST "+Base+"/process HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice member\r\n"+
			"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n--b\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if !leave {
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(answer), "stalled") || !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
				t.Errorf("%s %v", answer, err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if !r.empty() {
		t.Error("something was left behind")
	}
}

func TestAFullHouseSaysComeBack(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxUploads, c.MaxWait = 1, 10*time.Millisecond })
	release, err := r.svc.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := r.upload("alice member", "file", goodRoll(t))
	if a.status != 503 || a.Error.Code != "busy" || a.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	release()
	r.uploaded("alice member")
}

func TestNobodyInParticularIsRefused(t *testing.T) {
	r := newRig(t)
	r.uploaded("alice member")
	if a := r.get(" member", "/history"); a.status != 401 || a.Error.Details["reason"] != "token_invalid" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestManyRetriesAreOneFact(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	if a := r.post("alice member", "/cancel/"+id); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			<-start
			if a := r.post("alice member", "/retry/"+id); a.status != 202 && a.status != 409 {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	close(start)
	wg.Wait()
	job, err := r.log.Load(t.Context(), id)
	if err != nil || job.Kind != events.KindRetried || job.Next() != events.StageValidation {
		t.Fatalf("%+v, %v", job, err)
	}
	list, err := r.log.Replay(t.Context(), id, 0)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d facts, %v", len(list), err)
	}
}

func TestEveryAnswerIsForTheOneWhoAsked(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/nothing", "/history", "/template", "/process"} {
		h := r.get("alice member", path).header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestATemplateFilledInIsARoll(t *testing.T) {
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	headers, cells := []string{}, []string{}
	for _, c := range columns {
		if examples[c.Field] == "" {
			t.Errorf("no example for %s", c.Field)
		}
		headers, cells = append(headers, c.Header), append(cells, examples[c.Field])
	}
	if len(examples) != len(columns) {
		t.Errorf("%d examples for %d columns", len(examples), len(columns))
	}
	r := newRig(t)
	if a := r.upload("alice member", "file", workbookOf(t, headers, cells)); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// The upload's spool and the reader's own files: neither is the file's fault.
func TestAFullDiskIsNotTheClients(t *testing.T) {
	s := New(Config{MaxFileSize: 1 << 20, Authenticate: func(*http.Request) (Principal, error) { return Principal{}, nil }})
	full := &fs.PathError{Op: "write", Path: "spool", Err: syscall.ENOSPC}
	for name, err := range map[string]error{
		"receiving": s.readError(full),
		"reading":   &refusal.Error{Code: refusal.CodeUnreadable, Message: "The file is damaged.", Err: full},
	} {
		if p := s.problem(err); p.code != "storage_full" || statuses[p.code] != http.StatusInsufficientStorage {
			t.Errorf("%s: %s", name, p.code)
		}
	}
}
