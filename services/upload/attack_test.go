package upload_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/httpserver"
)

const formHead = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n"

// head returns the head of an upload that announces a body of so many bytes.
func head(length int) string {
	return fmt.Sprintf("POST %s/process HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice member\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n", api.Base, length)
}

func TestHostileFormsAreRefused(t *testing.T) {
	r := newRig(t)
	good := apitest.Roll(t)
	for name, body := range map[string]string{
		"thousands of parts": strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n", 5000) +
			formHead + good + "\r\n--b--\r\n",
		"thousands of headers":    "--b\r\n" + strings.Repeat("X-A: b\r\n", 20_000) + "\r\nx\r\n--b--\r\n",
		"a header without an end": "--b\r\nX-A: " + strings.Repeat("x", 1<<20+1<<19),
		"another boundary":        strings.ReplaceAll(formHead, "--b", "--c") + good + "\r\n--c--\r\n",
		"no last boundary":        formHead + good,
		"two files":               formHead + good + "\r\n" + formHead + good + "\r\n--b--\r\n",
		"no file":                 "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n--b--\r\n",
		"a part without a name":   "--b\r\n\r\n" + good + "\r\n--b--\r\n",
		"a form in a form": "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" +
			"--c\r\nContent-Disposition: file; filename=\"a.xlsx\"\r\n\r\n" + good + "\r\n--c--\r\n--b--\r\n",
		"an option that is sent twice": option("true") + option("false") + formHead + good + "\r\n--b--\r\n",
		"nothing":                      "",
	} {
		t.Run(name, func(t *testing.T) {
			a := r.Do("alice member", http.MethodPost, "/process", strings.NewReader(body), "multipart/form-data; boundary=b")
			if a.Status != 400 && a.Status != 413 {
				t.Errorf("%d %s", a.Status, a.Raw)
			}
		})
	}
	if !r.Empty() {
		t.Error("something was left behind")
	}
}

// option is a part of a form.
func option(value string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"dry_run\"\r\n\r\n" + value + "\r\n"
}

func TestAnOptionInURLAndFormMustAgree(t *testing.T) {
	r := newRig(t)
	for query, want := range map[string]int{"?dry_run=false": 400, "?dry_run=true": 202} {
		body := option("true") + formHead + apitest.Roll(t) + "\r\n--b--\r\n"
		a := r.Do("alice member", http.MethodPost, "/process"+query, strings.NewReader(body),
			"multipart/form-data; boundary=b")
		if a.Status != want {
			t.Errorf("%s: %d %s", query, a.Status, a.Raw)
		}
	}
}

func TestBodiesOfAnotherLengthThanAnnounced(t *testing.T) {
	r := newRig(t)
	body := formHead + apitest.Roll(t) + "\r\n--b--\r\n"
	t.Run("shorter", func(t *testing.T) {
		c := r.Dial()
		c.Send(head(len(body)+100) + body[:len(body)-20])
		if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if resp, text := c.Answer(); resp.StatusCode != 400 || !strings.Contains(text, "cut off") || !r.Empty() {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	})
	t.Run("cut where the form would go on", func(t *testing.T) {
		c := r.Dial()
		c.Send(head(len(body)-10) + body)
		if resp, text := c.Answer(); resp.StatusCode != 400 || !r.Empty() {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	})
	t.Run("longer", func(t *testing.T) {
		// The server ignores what comes after the announced length.
		c := r.Dial()
		c.Send(head(len(body)) + body + "GET " + api.Base + "/history HTTP/1.1\r\nHost: x\r\n\r\n")
		if resp, text := c.Answer(); resp.StatusCode != 202 {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
		if h := r.Get("alice member", "/history"); h.Data["total"] != 1.0 {
			t.Errorf("%s", h.Raw)
		}
	})
}

// A client that sends a byte now and then is cut off; one on a slow line is not.
func TestDrippingUploadsAreCutAndSlowOnesAreNot(t *testing.T) {
	const idle = time.Second
	r := newRig(t, func(c *apitest.Config) { c.Upload.Idle = idle })
	t.Run("a byte now and then", func(t *testing.T) {
		c := r.Dial()
		c.Send(head(1<<20) + formHead)
		begun := time.Now()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for time.Since(begun) < 20*time.Second {
				if _, err := c.Conn.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(idle / 20) // the attack is slow
			}
		}()
		resp, text := c.Answer()
		if took := time.Since(begun); resp.StatusCode != 400 || !strings.Contains(text, "stalled") || took > 10*time.Second {
			t.Errorf("%d %s after %s", resp.StatusCode, text, took)
		}
		c.Hangup()
		<-gone
	})
	t.Run("a slow line", func(t *testing.T) {
		body := formHead + padded(t, 8*httpserver.BodyPiece) + "\r\n--b--\r\n"
		c := r.Dial()
		c.Send(head(len(body)))
		begun := time.Now()
		for at := 0; at < len(body); at += httpserver.BodyPiece {
			c.Send(body[at:min(at+httpserver.BodyPiece, len(body))])
			time.Sleep(idle / 4) // the line is slow
		}
		if resp, text := c.Answer(); resp.StatusCode != 202 || time.Since(begun) < idle {
			t.Errorf("%d %s after %s", resp.StatusCode, text, time.Since(begun))
		}
	})
}

// padded returns a roll of at least so many bytes.
func padded(t *testing.T, size int) string {
	t.Helper()
	roll := apitest.Roll(t)
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
