package upload

import (
	"bytes"
	"mime"
	"mime/multipart"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"rollcall.example/events"
)

var thirteen = regexp.MustCompile(`(^|[^0-9])[0-9]{13}([^0-9]|$)`)

// What a form calls a file becomes part of events, of lists and of a header:
// whatever it is, it has to be fit for all of them.
func FuzzFileName(f *testing.F) {
	for _, name := range []string{"roll.xlsx", `form-data; name="file"; filename="a.xlsx"`, `form-data; name=file; filename*=UTF-8''%2e%2e%2f8001015009087`,
		`form-data; name="file"; filename="..\..\8001015009087.xlsx"`, "\u202exslx", strings.Repeat("ü", 300), "8001015009087" + strings.Repeat("a", 195), "=?utf-8?q?a?="} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		part := multipart.Part{Header: textproto.MIMEHeader{"Content-Disposition": {text}}}
		for _, sent := range []string{text, part.FileName(), part.FormName()} {
			name := fileName(sent)
			if name == "" || len(name) > maxFileName || !utf8.ValidString(name) || strings.ContainsAny(name, `/\`) || strings.Trim(name, ". ") == "" ||
				strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q becomes %q", sent, name)
			}
			if thirteen.MatchString(name) {
				t.Errorf("%q becomes %q, with an ID number", sent, name)
			}
			if again := fileName(name); again != name {
				t.Errorf("%q becomes %q, and that %q", sent, name, again)
			}
			header := attachment(named(&events.Job{Uploaded: &events.Uploaded{}, FileName: name}, "report"))
			kind, params, err := mime.ParseMediaType(header)
			if err != nil || kind != "attachment" || !strings.HasSuffix(params["filename"], " - report.xlsx") || strings.ContainsAny(header, "\r\n") {
				t.Errorf("%q becomes the header %q: %v", name, header, err)
			}
		}
	})
}

// A form is read to its end or refused, whatever its bytes.
func FuzzForm(f *testing.F) {
	for _, body := range []string{"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n", "--b\r\n\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"dry_run\"\r\n\r\ntrue\r\n--b--\r\n", "--b\r\nX: \x00\r\n\r\n"} {
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
