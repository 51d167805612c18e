package workbook

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events/refusal"
)

// The same strict scanner reads every part.
func TestAttacksInAnyPartAreRefused(t *testing.T) {
	laughs := `<!DOCTYPE x [<!ENTITY a "ha">`
	for c := 'b'; c <= 'j'; c++ {
		laughs += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	attacks := map[string]func(part string) string{
		"entities of entities": func(p string) string { return laughs + "]>" + strings.Replace(p, ">", ">&j;", 1) },
		"entity of a file": func(p string) string {
			return `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + p
		},
		"parameter entity": func(p string) string {
			return `<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1/a.dtd">%a;]>` + p
		},
		"document type alone": func(p string) string { return `<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">` + p },
		"deep nesting": func(p string) string {
			return strings.Replace(p, ">", ">"+strings.Repeat("<a>", 100_000)+strings.Repeat("</a>", 100_000), 1)
		},
		"nesting without end": func(p string) string {
			return strings.Replace(p, ">", ">"+strings.Repeat("<a>", 100_000), 1)
		},
		"attribute of 5 MB": func(p string) string {
			return strings.Replace(p, ">", ` a="`+strings.Repeat("x", 5<<20)+`">`, 1)
		},
		"element name of 5 MB": func(p string) string {
			return strings.Replace(p, ">", "><"+strings.Repeat("x", 5<<20)+"/>", 1)
		},
	}
	read := minimalParts(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`)
	read["xl/styles.xml"] = `<styleSheet></styleSheet>`
	delete(read, "[Content_Types].xml") // nobody reads it
	for _, name := range slices.Sorted(maps.Keys(read)) {
		for attack, change := range attacks {
			t.Run(name+"/"+attack, func(t *testing.T) {
				p := maps.Clone(read)
				p["[Content_Types].xml"] = `<Types/>`
				p[name] = change(p[name])
				_, err := openBytes(zipParts(t, p))
				wantCode(t, err, refusal.CodeUnreadable)
			})
		}
	}
}

// A name in an archive is the name of a part and never that of a file on disk.
func TestNamesInAnArchiveReachNoFile(t *testing.T) {
	for _, target := range []string{"../../../../../../etc/passwd", "/etc/passwd", `..\..\..\etc\passwd`,
		"file:///etc/passwd",
		"http://127.0.0.1/sheet.xml", "//host/share/sheet.xml", "worksheets/sheet1.xml\x00.txt", ""} {
		p := minimalParts("")
		p["xl/_rels/workbook.xml.rels"] = strings.Replace(p["xl/_rels/workbook.xml.rels"], "worksheets/sheet1.xml",
			target, 1)
		_, err := openBytes(zipParts(t, p))
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Code != refusal.CodeUnreadable {
			t.Errorf("%q: %v", target, err)
		}
	}
	// No relation names these parts, so nobody reads them, whatever their names
	// say.
	p := minimalParts(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`)
	for _, name := range []string{"../../../tmp/rollcall-was-here", "/etc/cron.d/x", `C:\x`, "a/../../b"} {
		p[name] = "x"
	}
	if got, err := readCells(t, p); err != nil || got != "A1=ID Number" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRefusesBombsUnread(t *testing.T) {
	stuffed := func(change func(zw *zip.Writer)) []byte {
		var buf bytes.Buffer
		zw := newZip(&buf)
		for name, content := range minimalParts("") {
			addPart(t, zw, name, []byte(content))
		}
		change(zw)
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	inner := stuffed(func(*zip.Writer) {})
	for range 5 {
		var buf bytes.Buffer
		zw := newZip(&buf)
		addPart(t, zw, "inner.xlsx", inner)
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		inner = buf.Bytes()
	}
	for name, tt := range map[string]struct {
		data []byte
		code string
	}{
		"high ratio": {stuffed(func(zw *zip.Writer) { addPart(t, zw, "xl/media/a", make([]byte, ratioFrom+1)) }),
			refusal.CodeTooLarge},
		"many parts": {stuffed(func(zw *zip.Writer) {
			for i := range 100_000 {
				// Stored: a compressor for each would cost more than all the rest.
				if _, err := zw.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("xl/media/%d", i)}); err != nil {
					t.Fatal(err)
				}
			}
		}), refusal.CodeTooLarge},
		"archives in archives": {inner, refusal.CodeNotAWorkbook},
		"a size too large":     {claimUnpackedSize(t, stuffed(func(*zip.Writer) {}), 1<<32-2), refusal.CodeTooLarge},
		"a size too small":     {claimUnpackedSize(t, stuffed(func(*zip.Writer) {}), 1), refusal.CodeUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(tt.data)
			wantCode(t, err, tt.code)
		})
	}
}

func addPart(t *testing.T, zw *zip.Writer, name string, content []byte) {
	t.Helper()
	w, err := zw.Create(name)
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// claimUnpackedSize changes the unpacked sizes in the table of an archive.
func claimUnpackedSize(t *testing.T, data []byte, size uint32) []byte {
	t.Helper()
	data = bytes.Clone(data)
	changed := 0
	for at := 0; ; changed++ {
		next := bytes.Index(data[at:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += next + 4
		binary.LittleEndian.PutUint32(data[at+20:], size)
	}
	if changed < 5 {
		t.Fatalf("%d entries", changed)
	}
	return data
}
