package upload_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/upload"
)

func TestOptionsMayStandInTheAddress(t *testing.T) {
	r := newRig(t)
	body, contentType := apitest.Form(t, "file", apitest.Roll(t), "dry_run", "false")
	a := r.Do("alice member", http.MethodPost, "/process?iec_verification=false", body, contentType)
	if a.Status != http.StatusAccepted {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
	if err != nil || job.Options != (events.Options{SkipIEC: true}) {
		t.Fatalf("the options are not those of both: %+v, %v", job.Options, err)
	}
}

func TestOversizedFormsAreRefused(t *testing.T) {
	r := newRig(t)
	many := []string{}
	for i := range upload.MaxParts + 1 {
		many = append(many, fmt.Sprintf("field%d", i), "x")
	}
	if a := r.SendForm("alice member", append(many, "file", apitest.Roll(t))...); a.Status != 400 ||
		a.Error.Code != "bad_request" {
		t.Errorf("many parts: %d %s", a.Status, a.Raw)
	}
	for name, body := range map[string]string{
		"endless header": "--b\r\nContent-Disposition: form-data; name=\"file\"\r\nX-A: " + strings.Repeat("x", 1<<20+1<<19),
		"cut in the file": "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n" +
			apitest.Roll(t)[:100],
	} {
		a := r.Do("alice member", http.MethodPost, "/process", strings.NewReader(body), "multipart/form-data; boundary=b")
		if a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	// Without a Content-Length the limit is reached while reading.
	pipe, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n")
		for err == nil {
			_, err = w.Write(bytes.Repeat([]byte("x"), 64<<10))
		}
	}()
	a := r.Do("alice member", http.MethodPost, "/process", pipe, "multipart/form-data; boundary=b")
	_ = pipe.Close()
	if a.Status != 413 || a.Error.Code != "file_too_large" || a.Error.Details["max_bytes"] != float64(1<<20) {
		t.Errorf("endless file: %d %s", a.Status, a.Raw)
	}
	if !r.Empty() {
		t.Error("something was left behind")
	}
}

// A client that stops sending gets an answer; one that hangs up leaves nothing behind.
func TestAStalledUploadEnds(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.Idle = 50 * time.Millisecond })
	host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), "/")
	for _, leave := range []bool{false, true} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, head(5000)+"--b\r\n")
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
	if !r.Empty() {
		t.Error("something was left behind")
	}
}
