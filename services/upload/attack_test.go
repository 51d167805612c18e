package upload

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/httpserver"
)

const formHead = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n"

// head is a request to upload a body of a stated length.
func head(length int) string {
	return fmt.Sprintf("POST %s/process HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice member\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n", Base, length)
}

func TestFormsOfAttackers(t *testing.T) {
	r := newRig(t)
	good := goodRoll(t)
	for name, body := range map[string]string{
		"thousands of parts":      strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n", 5000) + formHead + good + "\r\n--b--\r\n",
		"thousands of headers":    "--b\r\n" + strings.Repeat("X-A: b\r\n", 20_000) + "\r\nx\r\n--b--\r\n",
		"a header without an end": "--b\r\nX-A: " + strings.Repeat("x", 1<<20+1<<19),
		"another boundary":        strings.ReplaceAll(formHead, "--b", "--c") + good + "\r\n--c--\r\n",
		"no last boundary":        formHead + good,
		"two files":               formHead + good + "\r\n" + formHead + good + "\r\n--b--\r\n",
		"no file":                 "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n--b--\r\n",
		"a part without a name":   "--b\r\n\r\n" + good + "\r\n--b--\r\n",
		"a form in a form":        "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Disposition: file; filename=\"a.xlsx\"\r\n\r\n" + good + "\r\n--c--\r\n--b--\r\n",
		"nothing":                 "",
	} {
		t.Run(name, func(t *testing.T) {
			a := r.do("alice member", http.MethodPost, "/process", strings.NewReader(body), "multipart/form-data; boundary=b")
			if a.status != 400 && a.status != 413 {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	if !r.empty() {
		t.Error("something was left behind")
	}
}

func TestBodiesOfAnotherLengthThanPromised(t *testing.T) {
	r := newRig(t)
	body := formHead + goodRoll(t) + "\r\n--b--\r\n"
	t.Run("shorter", func(t *testing.T) {
		c := r.dial()
		c.send(head(len(body)+100) + body[:len(body)-20])
		if err := c.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if resp, text := c.answer(); resp.StatusCode != 400 || !strings.Contains(text, "cut off") || !r.empty() {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	})
	t.Run("cut where the form would go on", func(t *testing.T) {
		c := r.dial()
		c.send(head(len(body)-10) + body)
		if resp, text := c.answer(); resp.StatusCode != 400 || !r.empty() {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	})
	t.Run("longer", func(t *testing.T) {
		// What is beyond the length is no request that anybody is asked for.
		c := r.dial()
		c.send(head(len(body)) + body + "GET " + Base + "/history HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp, text := c.answer(); resp.StatusCode != 202 {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
		if h := r.get("alice member", "/history"); h.Data["total"] != 1.0 {
			t.Errorf("%s", h.raw)
		}
	})
}

// A client that sends a byte now and then is cut off, one that is slow is not.
func TestSlowUploads(t *testing.T) {
	const idle = time.Second
	r := newRig(t, func(c *Config) { c.Idle = idle })
	t.Run("a byte now and then", func(t *testing.T) {
		c := r.dial()
		c.send(head(1<<20) + formHead)
		begun := time.Now()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for time.Since(begun) < 20*time.Second {
				if _, err := c.conn.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(idle / 20) // the attack is its slowness
			}
		}()
		resp, text := c.answer()
		if took := time.Since(begun); resp.StatusCode != 400 || !strings.Contains(text, "stalled") || took > 10*time.Second {
			t.Errorf("%d %s after %s", resp.StatusCode, text, took)
		}
		c.close()
		<-gone
	})
	t.Run("a slow line", func(t *testing.T) {
		body := formHead + padded(t, 8*httpserver.BodyPiece) + "\r\n--b--\r\n"
		c := r.dial()
		c.send(head(len(body)))
		begun := time.Now()
		for at := 0; at < len(body); at += httpserver.BodyPiece {
			c.send(body[at:min(at+httpserver.BodyPiece, len(body))])
			time.Sleep(idle / 4) // so is that of the line
		}
		if resp, text := c.answer(); resp.StatusCode != 202 || time.Since(begun) < idle {
			t.Errorf("%d %s after %s", resp.StatusCode, text, time.Since(begun))
		}
	})
}

// padded is a roll of at least so many bytes.
func padded(t *testing.T, size int) string {
	t.Helper()
	roll := goodRoll(t)
	zr, err := zip.NewReader(strings.NewReader(roll), int64(len(roll)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for _, f := range zr.File {
		if err := zw.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	w, err := zw.CreateHeader(&zip.FileHeader{Name: "xl/media/a", Method: zip.Store})
	if err == nil {
		_, err = w.Write(make([]byte, size))
	}
	if err == nil {
		err = zw.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What a file is called is no path, has nothing that does not print, and no ID
// number, wherever it is told again.
func TestFileNamesOfAttackers(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{
		`../../../../etc/cron.d/roll.xlsx`, `..\\..\\windows\\roll.xlsx`, `/abs/roll.xlsx`, `roll.xlsx` + "\u202exslx.exe", "a\tb\x7f.xlsx",
		strings.Repeat("n", 5000) + ".xlsx", "8001015009087.xlsx", `\"; filename=\"other.xlsx`, "=cmd|' /C calc'!A0.xlsx", "\u2066a\u2069\ufeff.xlsx",
		`"><script>alert(1)</script>.xlsx`, "%2e%2e%2fpasswd", ".", "",
	} {
		body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" + goodRoll(t) + "\r\n--b--\r\n"
		a := r.do("alice member", http.MethodPost, "/process", strings.NewReader(body), "multipart/form-data; boundary=b")
		if a.status == 400 {
			continue // not to be read as a form
		}
		got, _ := a.Data["file_name"].(string)
		if a.status != 202 || got == "" || len(got) > maxFileName || strings.ContainsAny(got, `/\`) || strings.Contains(got, "8001015009087") ||
			strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %d %q", name, a.status, got)
		}
		// The name comes back in a header of the rejects' and the report's download.
		id := a.Data["job_id"].(string)
		job, err := r.log.Load(t.Context(), id)
		if err != nil || job.FileName != got {
			t.Fatalf("%q, %v", job.FileName, err)
		}
		if d := attachment(named(&job, "report")); d == "" || strings.ContainsAny(d, "\r\n") {
			t.Errorf("%q becomes %q", got, d)
		}
	}
}

// Whatever a cell or header begins with, it comes back as a text.
func TestNothingInRejectsIsAFormula(t *testing.T) {
	r := newRig(t)
	id := r.uploaded("alice member")
	facts := eventstest.Facts(id)
	validated := facts[0].(*events.Validated)
	var columns, cells []string
	for _, first := range []string{"=", "+", "-", "@", "\t=", "\r=", "|", "%", "'=", " ="} {
		for _, rest := range []string{"1+1", `HYPERLINK("http://127.0.0.1/"&A1)`, "cmd|' /C calc'!A0", `WEBSERVICE("http://127.0.0.1")`, `DDE("cmd","/C calc","x")`} {
			columns, cells = append(columns, first+rest), append(cells, first+rest)
		}
	}
	columns[1] = "ID Number"
	validated.Rejects = stored(r, "validation", events.BucketRows, "rejects", id, columns,
		records.RejectedRow{N: 2, Code: records.RejectFormat, Message: "=1+1", Cell: cells[1], Cells: cells})
	r.as(id, facts[0])
	a := r.get("alice member", "/report/"+id+"?part=rejects")
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	zr, err := zip.NewReader(bytes.NewReader(a.raw), int64(len(a.raw)))
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for _, f := range zr.File {
		body := unzip(t, f)
		for _, bad := range []string{"<f>", "<f ", "externalLink", "ddeLink", "hyperlink "} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %s", f.Name, bad)
			}
		}
		if strings.HasPrefix(f.Name, "xl/worksheets/") {
			texts += strings.Count(body, ` t="s"`)
			if filled := strings.Count(body, "<v>"); filled != texts {
				t.Errorf("%s: %d values, %d of them texts", f.Name, filled, texts)
			}
		}
	}
	if want := 2 * (len(columns) + 1); texts != want {
		t.Errorf("%d texts, want %d", texts, want)
	}
}
