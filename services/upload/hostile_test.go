package upload_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

// slowBook is a workbook that takes seconds to check, if nobody stops it.
func slowBook(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	add := func(name string, method uint16, write func(io.Writer) error) {
		w, err := zw.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			err = write(w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"[Content_Types].xml": "<Types/>",
		"xl/workbook.xml":     `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="a"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="a" Type="x/worksheet" Target="s.xml"/>` +
			`</Relationships>`,
	} {
		add(name, zip.Deflate, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	// Of what packs badly, so that its ratio is none of a bomb.
	add("docProps/thumbnail.jpeg", zip.Store, func(w io.Writer) error {
		_, err := io.CopyN(w, rand.Reader, 3<<20)
		return err
	})
	// A piece is compressed once: half a gigabyte takes a minute under the race detector.
	piece := strings.Repeat("<a/>", 1<<18)
	var packed bytes.Buffer
	fw, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err == nil {
		_, err = io.WriteString(fw, "<worksheet>")
	}
	if err == nil {
		err = fw.Flush()
	}
	head := bytes.Clone(packed.Bytes())
	packed.Reset()
	if err == nil {
		fw.Reset(&packed) // what follows refers to nothing before it
		_, err = io.WriteString(fw, piece)
	}
	if err == nil {
		err = fw.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	const pieces = 500
	sum := crc32.ChecksumIEEE([]byte("<worksheet>"))
	for range pieces {
		sum = crc32.Update(sum, crc32.IEEETable, []byte(piece))
	}
	// The last block of a stream, which is empty.
	data := slices.Concat(head, bytes.Repeat(packed.Bytes(), pieces), []byte{3, 0})
	w, err := zw.CreateRaw(&zip.FileHeader{
		Name: "xl/s.xml", Method: zip.Deflate, CRC32: sum,
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len("<worksheet>") + pieces*len(piece)),
	})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// sendForm sends a file as a form to a path and does not wait for the answer.
func (r *rig) sendForm(user, path, file string, chunked bool) *apitest.Conn {
	r.T.Helper()
	body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n" + file + "\r\n--b--\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
	if chunked {
		length = "Transfer-Encoding: chunked\r\n\r\n"
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	c := r.Dial()
	c.Send(fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\n%s%s", api.Base, path, user, length, body))
	return c
}

// Who sends files that take long to check keeps nobody else waiting, and who leaves
// leaves no work behind.
func TestASlowFileHoldsOnePlaceAndEndsWithItsSender(t *testing.T) {
	slow := slowBook(t)
	for name, chunked := range map[string]bool{"a length": false, "chunks": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *apitest.Config) { c.Upload.MaxFileSize = 20 << 20 })
			conns := []*apitest.Conn{
				r.sendForm("alice member", "/process", slow, chunked), r.sendForm("alice member", "/inspect", slow, chunked),
			}
			eventstest.Wait(t, "a file that is checked", func() bool { return r.Intake.Checked() == 1 })
			r.Upload("bob member") // meanwhile
			if n := r.Intake.Checked(); n != 1 {
				t.Errorf("%d files are being checked, want 1", n)
			}
			left := time.Now()
			for _, c := range slices.Backward(conns) {
				c.Hangup()
			}
			eventstest.Wait(t, "the end of the check", func() bool { return r.Intake.Checked() == 0 })
			if took := time.Since(left); took > 3*time.Second {
				t.Errorf("the check went on for %s", took)
			}
			eventstest.Wait(t, "the count of the file", func() bool {
				n, err := r.Intake.CountRefused(t.Context(), "alice")
				return err == nil && n >= 1 // the other one too, if its turn came before its end was noticed
			})
		})
	}
}

// Whoever leaves while their file is looked at leaves no work behind, too.
func TestAFileThatIsLookedAtEndsWithItsSender(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.MaxFileSize = 20 << 20 })
	conn := r.sendForm("alice member", "/inspect", slowBook(t), false)
	eventstest.Wait(t, "a file that is looked at", func() bool { return r.Intake.Checked() == 1 })
	left := time.Now()
	conn.Hangup()
	eventstest.Wait(t, "the end of the look", func() bool { return r.Intake.Checked() == 0 })
	if took := time.Since(left); took > 3*time.Second {
		t.Errorf("it went on for %s", took)
	}
	eventstest.Wait(t, "the count of the file", func() bool {
		n, err := r.Intake.CountRefused(t.Context(), "alice")
		return err == nil && n == 1
	})
}

// A user who sends bad files for ever is refused, by all replicas, until the hour is over.
func TestRefusedFilesCountAsUploads(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *apitest.Config) {
		c.Upload.UserUploads = 4
		c.Upload.Now = func() time.Time { return now }
	})
	other := &rig{r.Replica()}
	r.Upload("alice member")
	for _, bad := range []string{"PK\x03\x04 no workbook", "", strings.Repeat("x", 1<<20+1)} {
		if a := r.SendForm("alice member", "file", bad); a.Status < 400 || a.Status == 429 {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	limited(t, other.SendForm("alice member", "file", apitest.Roll(t)), "uploads_per_hour", 4, 55*time.Minute,
		time.Hour+time.Second)
	if a := r.Tus("alice member", "POST", "/tus", nil, "Upload-Length", "100"); a.Status != 429 {
		t.Fatalf("in parts: %d %s", a.Status, a.Raw)
	}
	r.Upload("bob member")
	now = now.Add(time.Hour + 2*time.Minute)
	r.Upload("alice member")
}

// A file that comes in parts counts as well, once it is refused.
func TestARefusedFileInPartsCounts(t *testing.T) {
	r := newRig(t)
	bad := "ID,Name\n"
	id := r.BeginTus("alice member", fmt.Sprint(len(bad)))
	if a := r.Tus("alice member", "PATCH", "/tus/"+id, strings.NewReader(bad), "Upload-Offset", "0"); a.Status != 422 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if n, err := r.Intake.CountRefused(t.Context(), "alice"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
