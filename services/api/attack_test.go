package api_test

import (
	"mime"
	"net/http"
	"path"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

// A file name is no path, prints, and holds no ID number, wherever the API repeats it.
func TestHostileFileNamesAreCleaned(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{
		`../../../../etc/cron.d/roll.xlsx`, `..\\..\\windows\\roll.xlsx`, `/abs/roll.xlsx`,
		`roll.xlsx` + "\u202exslx.exe", "a\tb\x7f.xlsx",
		strings.Repeat("n", 5000) + ".xlsx", "8001015009087.xlsx", `\"; filename=\"other.xlsx`,
		"=cmd|' /C calc'!A0.xlsx", "\u2066a\u2069\ufeff.xlsx",
		`"><script>alert(1)</script>.xlsx`, "%2e%2e%2fpasswd", ".", "",
	} {
		body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" +
			apitest.Roll(t) + "\r\n--b--\r\n"
		a := r.Do("alice member", http.MethodPost, "/process", strings.NewReader(body), "multipart/form-data; boundary=b")
		if a.Status == 400 {
			continue // the form itself cannot be parsed
		}
		got, _ := a.Data["file_name"].(string)
		if a.Status != 202 || got == "" || len(got) > 200 || strings.ContainsAny(got, `/\`) ||
			strings.Contains(got, "8001015009087") ||
			strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %d %q", name, a.Status, got)
		}
		// The name comes back in a header of the downloads.
		id := a.Data["job_id"].(string)
		job, err := r.Log.Load(t.Context(), id)
		if err != nil || job.FileName != got {
			t.Fatalf("%q, %v", job.FileName, err)
		}
		if d := api.ReportDisposition(&job); d == "" || strings.ContainsAny(d, "\r\n") {
			t.Errorf("%q becomes %q", got, d)
		}
	}
}

// Any file name that an upload can have stands whole in the header of a download.
func FuzzAttachment(f *testing.F) {
	for _, name := range []string{
		"roll.xlsx", `a"b.xlsx`, "März.xlsx", "a;b=c", "%2e%2e", "=?utf-8?q?a?=", "a%00.csv", "800101*****87.xlsx",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
		if !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable) || strings.ContainsAny(name, `/\`) {
			return // package upload cleans such names
		}
		header := api.ReportDisposition(&events.Job{Uploaded: &events.Uploaded{}, FileName: name})
		kind, params, err := mime.ParseMediaType(header)
		want := strings.TrimSuffix(name, path.Ext(name)) + " - report.xlsx"
		if err != nil || kind != "attachment" || params["filename"] != want || strings.ContainsAny(header, "\r\n") {
			t.Errorf("%q becomes the header %q: %v", name, header, err)
		}
	})
}
