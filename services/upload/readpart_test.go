package upload

import (
	"bytes"
	"io/fs"
	"mime/multipart"
	"net/http"
	"syscall"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// Any bytes are read to their end as a form, or refused.
func FuzzForm(f *testing.F) {
	for _, body := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n", "--b\r\n\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"dry_run\"\r\n\r\ntrue\r\n--b--\r\n", "--b\r\nX: \x00\r\n\r\n",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := New(Config{MaxFileSize: 1 << 12, Store: events.NewStore(nil)})
		parts := multipart.NewReader(bytes.NewReader(body), "b")
		form := &form{}
		defer func() {
			if err := form.close(); err != nil {
				t.Error(err)
			}
		}()
		for range maxParts {
			part, err := parts.NextPart()
			if err == nil {
				err = s.readPart(form, part)
			}
			if err != nil {
				break
			}
		}
		if form.file != nil && form.size > s.cfg.MaxFileSize+1 {
			t.Errorf("%d bytes were kept", form.size)
		}
	})
}

// A full disk is not the file's fault, neither in the upload's spool nor in the reader's
// own files.
func TestAFullDiskIsAnsweredAsStorageFull(t *testing.T) {
	s := New(Config{MaxFileSize: 1 << 20})
	full := &fs.PathError{Op: "write", Path: "spool", Err: syscall.ENOSPC}
	for name, err := range map[string]error{
		"receiving": s.explainReadError(full),
		"reading":   &refusal.Error{Code: refusal.CodeUnreadable, Message: "The file is damaged.", Err: full},
	} {
		if e := refusal.From(err); e.Code != refusal.CodeStorageFull || e.Status() != http.StatusInsufficientStorage {
			t.Errorf("%s: %s", name, e.Code)
		}
	}
}
