package main

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rollcall.example/services/iec/sim"
)

// headers are the columns of a roll.
var headers = []string{"ID Number", "First Name", "Surname", "Cell Number", "Email", "Address", "Gender", "Race",
	"Citizenship", "Language", "Occupation", "Province", "Municipality", "Ward", "Date Joined", "Status"}

// writeRoll writes a workbook of count made-up people, from the person numbered first
// on. A number always means the same person, and validation accepts all of them. Like
// a spreadsheet program it writes texts as shared strings, and a text that many rows
// share once. Its memory does not grow with count.
func writeRoll(path string, first, count int) (err error) {
	texts, err := os.CreateTemp("", "bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, texts.Close(), os.Remove(texts.Name())) }()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	book := zip.NewWriter(file)
	for _, part := range fixedParts {
		w, err := book.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xmlHead+part.text); err != nil {
			return err
		}
	}
	sheet, err := book.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return err
	}
	shared := &sharedTexts{out: bufio.NewWriter(texts), indexes: map[string]int{}}
	if err := writeSheet(bufio.NewWriter(sheet), shared, first, count); err != nil {
		return err
	}
	w, err := book.Create("xl/sharedStrings.xml")
	if err != nil {
		return err
	}
	if err := shared.writeTo(w, texts); err != nil {
		return err
	}
	return book.Close()
}

func writeSheet(w *bufio.Writer, shared *sharedTexts, first, count int) error {
	fmt.Fprint(w, xmlHead+`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	writeRow(w, shared, 1, headers)
	for i := range count {
		writeRow(w, shared, i+2, makeCells(first+i))
	}
	fmt.Fprint(w, `</sheetData></worksheet>`)
	return w.Flush() // returns an earlier error too
}

func writeRow(w *bufio.Writer, shared *sharedTexts, n int, cells []string) {
	fmt.Fprintf(w, `<row r="%d">`, n)
	for i, text := range cells {
		fmt.Fprintf(w, `<c r="%c%d" t="s"><v>%d</v></c>`, 'A'+i, n, shared.indexOf(text, i >= 6 || n == 1))
	}
	fmt.Fprint(w, `</row>`)
}

// birthdays is the number of dates of birth, from 1 January 1940 on.
const birthdays = 20_000

// makeCells returns the cells of the nth person. They need no escapes in XML.
func makeCells(n int) []string {
	born := time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n%birthdays)
	// The last digit but one is below 8. Numbers of today have 8 or 9 there, so the
	// number hardly belongs to a real person.
	id := sim.WithCheckDigit(fmt.Sprintf("%s%04d07", born.Format("060102"), n/birthdays))
	at := sim.HomeOf(id)
	return []string{id, fmt.Sprint("Thandi ", n%997), fmt.Sprint("Nkosi ", n%1499),
		fmt.Sprintf("082%07d", n%10_000_000),
		fmt.Sprintf("person%d@example.org", n), fmt.Sprintf("%d Vilakazi Street, Erf %d", n%300, n), "Female",
		"African",
		"South African", "isiZulu", "Teacher", at.Province, at.Municipality, at.Ward, "2024-02-01", "Active"}
}

// sharedTexts writes a workbook's shared strings to a temporary file.
type sharedTexts struct {
	out     *bufio.Writer
	indexes map[string]int
	count   int
}

// indexOf returns the index of a text. It remembers the text if common is true.
func (s *sharedTexts) indexOf(text string, common bool) int {
	if i, ok := s.indexes[text]; common && ok {
		return i
	}
	if common {
		s.indexes[text] = s.count
	}
	fmt.Fprintf(s.out, `<si><t>%s</t></si>`, text)
	s.count++
	return s.count - 1
}

func (s *sharedTexts) writeTo(w io.Writer, spool *os.File) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	head := fmt.Sprintf(`<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="%d">`,
		s.count)
	if _, err := io.WriteString(w, xmlHead+head); err != nil {
		return err
	}
	if _, err := io.Copy(w, spool); err != nil {
		return err
	}
	_, err := io.WriteString(w, `</sst>`)
	return err
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

// Prefixes of OOXML's names.
const (
	office      = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packages    = "http://schemas.openxmlformats.org/package/2006/"
	spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// fixedParts are the parts of a workbook except the sheet and the shared strings.
var fixedParts = []struct{ name, text string }{
	{"[Content_Types].xml", `<Types xmlns="` + packages + `content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + spreadsheet + `sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + spreadsheet + `worksheet+xml"/>` +
		`<Override PartName="/xl/sharedStrings.xml" ContentType="` + spreadsheet + `sharedStrings+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="` + packages + `relationships">` +
		`<Relationship Id="rId1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` +
		`xmlns:r="` + office + `"><sheets><sheet name="Members" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packages + `relationships">` +
		`<Relationship Id="rId1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="` + office + `/sharedStrings" Target="sharedStrings.xml"/></Relationships>`},
}
