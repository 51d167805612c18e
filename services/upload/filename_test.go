package upload

import (
	"mime/multipart"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestAFileNamedByAnIDNumberIsCalledSo(t *testing.T) {
	for sent, want := range map[string]string{
		"8001015009087.xlsx":         "named by an ID number.xlsx",
		"Thandi 800101 5009 087.csv": "named by an ID number.csv",
		"Thandi ８００１０１５００９０８７.csv":   "named by an ID number.csv",
		"roll 20260301 v2.xlsx":      "roll 20260301 v2.xlsx",
		"a\u202exslx.exe":            "axslx.exe",
		strings.Repeat("/", 50):      "upload.xlsx",
		`..\..\8001015009087`:        "named by an ID number",
	} {
		if got := cleanFileName(sent); got != want {
			t.Errorf("%q becomes %q, want %q", sent, got, want)
		}
	}
}

func TestFileNamesAreCleaned(t *testing.T) {
	for name, want := range map[string]string{
		"roll.xlsx": "roll.xlsx", `C:\docs\roll.xlsx`: "roll.xlsx", "../../etc/passwd": "passwd",
		"": "upload.xlsx", "..": "upload.xlsx",
		"a\r\nb.xlsx": "ab.xlsx", "März 1.xlsx": "März 1.xlsx", "\xff\xfe.xlsx": ".xlsx", " ": "upload.xlsx",
	} {
		if got := cleanFileName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	if got := cleanFileName(strings.Repeat("ü", 300) + ".xlsx"); len(got) > maxFileName {
		t.Errorf("%d bytes", len(got))
	}
}

var thirteen = regexp.MustCompile(`(^|[^0-9])[0-9]{13}([^0-9]|$)`)

// File names become part of events and lists, so every one that a form can give is
// made fit for them. Package api tests that they are fit for headers.
func FuzzFileName(f *testing.F) {
	for _, name := range []string{
		"roll.xlsx", `form-data; name="file"; filename="a.xlsx"`,
		`form-data; name=file; filename*=UTF-8''%2e%2e%2f8001015009087`,
		`form-data; name="file"; filename="..\..\8001015009087.xlsx"`,
		"\u202exslx", strings.Repeat("ü", 300), "8001015009087" + strings.Repeat("a", 195), "=?utf-8?q?a?=",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		part := multipart.Part{Header: textproto.MIMEHeader{"Content-Disposition": {text}}}
		for _, sent := range []string{text, part.FileName(), part.FormName()} {
			name := cleanFileName(sent)
			if name == "" || len(name) > maxFileName || !utf8.ValidString(name) || strings.ContainsAny(name, `/\`) ||
				strings.Trim(name, ". ") == "" ||
				strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q becomes %q", sent, name)
			}
			if thirteen.MatchString(name) {
				t.Errorf("%q becomes %q, with an ID number", sent, name)
			}
			if again := cleanFileName(name); again != name {
				t.Errorf("%q becomes %q, and that %q", sent, name, again)
			}
		}
	})
}
