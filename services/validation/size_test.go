package validation

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

// rawBook returns a workbook with the rows and the shared strings given as XML.
// Nothing of it is larger than what repeats is once.
func rawBook(t *testing.T, rows func(io.Writer), texts string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	part := func(name string, write func(io.Writer)) {
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		write(w)
	}
	text := func(s string) func(io.Writer) {
		return func(w io.Writer) {
			if _, err := io.WriteString(w, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	const rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	part("[Content_Types].xml", text(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`))
	part("_rels/.rels", text(`<Relationships><Relationship Id="a" Type="`+rel+
		`/officeDocument" Target="xl/workbook.xml"/></Relationships>`))
	part("xl/workbook.xml", text(`<workbook xmlns:r="`+rel+
		`"><sheets><sheet name="Roll" sheetId="1" r:id="rId1"/></sheets></workbook>`))
	part("xl/_rels/workbook.xml.rels", text(`<Relationships>`+
		`<Relationship Id="rId1" Type="`+rel+`/worksheet" Target="worksheets/sheet1.xml"/>`+
		`<Relationship Id="rId2" Type="`+rel+`/sharedStrings" Target="sharedStrings.xml"/></Relationships>`))
	part("xl/worksheets/sheet1.xml", func(w io.Writer) {
		text(`<worksheet><sheetData><row r="1">` + inline("A1", "ID Number") + inline("B1", "Name") + `</row>`)(w)
		rows(w)
		text(`</sheetData></worksheet>`)(w)
	})
	part("xl/sharedStrings.xml", text(`<sst>`+texts+`</sst>`))
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func inline(ref, text string) string {
	return fmt.Sprintf(`<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, ref, text)
}

func TestMoreThanAFileLetsExpectIsRefused(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	longest := `<si><t>` + strings.Repeat("x", 32_767) + `</t></si>`
	for name, tt := range map[string]struct {
		code  string
		rows  func(io.Writer)
		texts string
	}{
		"one long text in very many cells": {"too_large_unpacked", func(w io.Writer) {
			cells := strings.Repeat(`<c t="s"><v>0</v></c>`, 30)
			for n := range 10_000 {
				fmt.Fprintf(w, `<row r="%d">%s</row>`, n+2, cells)
			}
		}, longest},
		"a digit in millions of cells": {"report_too_large", func(w io.Writer) {
			cells := strings.Repeat(`<c><v>1</v></c>`, 16_384)
			for n := range 150 {
				fmt.Fprintf(w, `<row r="%d">%s</row>`, n+2, cells)
			}
		}, ""},
	} {
		file := rawBook(t, tt.rows, tt.texts)
		began := time.Now()
		job := eventstest.WaitKind(t, log, uploadFile(t, srv, file).ID, events.KindFailed)
		if f := job.Failed; f.Code != tt.code || f.Attempts != 1 || f.Retryable || f.Message == "" {
			t.Errorf("%s, %d bytes: failed %+v", name, len(file), f)
		}
		t.Logf("%s: %d bytes refused in %s", name, len(file), time.Since(began).Round(time.Millisecond))
	}
}

// A row of two cells takes the room of two cells, also where one of them stands in
// the last column of a sheet.
func TestEmptyCellsTakeNoRoom(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	const rows = 2000
	file := rawBook(t, func(w io.Writer) {
		for n := range rows {
			id := "12"
			if n == 0 {
				id = "8001015009087"
			}
			fmt.Fprintf(w, `<row r="%d"><c r="A%[1]d"><v>%s</v></c>%s</row>`, n+2, id, inline(fmt.Sprintf("XFD%d", n+2), "x"))
		}
	}, "")
	report := eventstest.Connect(t, srv, "report")
	job := eventstest.WaitKind(t, events.NewLog(report, events.StageReport, nil), uploadFile(t, srv, file).ID,
		events.KindValidated)
	store := events.NewStore(report)
	check := func(cells []string, far []records.FarCell) {
		if len(cells) != 2 || len(far) != 1 || far[0] != (records.FarCell{Column: 16_383, Text: "x"}) {
			t.Fatalf("cells %q, far %v", cells, far)
		}
	}
	for r, err := range records.Each[records.RejectedRow](t.Context(), store, job.Validated.Rejects, nil) {
		if err != nil {
			t.Fatal(err)
		}
		check(r.Cells, r.Far)
	}
	for r, err := range records.Each[records.Row](t.Context(), store, job.Validated.Rows, nil) {
		if err != nil {
			t.Fatal(err)
		}
		check(r.Cells, r.Far)
	}
	if got := job.Validated.Rejects.Records; got != rows-1 {
		t.Errorf("%d rejects", got)
	}
}
