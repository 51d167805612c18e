package main

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

// formulas are texts that spreadsheets have taken for formulas.
var formulas = []string{"=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0",
	"=DDE(\"cmd\",\"/C calc\",\"x\")",
	`=HYPERLINK("http://127.0.0.1/?"&A2,"x")`, `=WEBSERVICE("http://127.0.0.1/"&A2)`,
	"=IMPORTXML(\"http://127.0.0.1\",\"//a\")", "%0A-1+1", "|calc", ";=1+1", "＝1+1"}

// A roll has formulas in every known column, in unknown headers, in the name of the sheet
// and of the file. Its report has no formula and no link: what looks like one is text.
func TestReportsContainNoFormulas(t *testing.T) {
	t.Parallel()
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	file := xlsx.NewFile()
	sheet, err := file.AddSheet("=1+1|calc!A0")
	if err != nil {
		t.Fatal(err)
	}
	header := sheet.AddRow()
	for _, c := range columns {
		header.AddCell().SetString(c.Header)
	}
	for _, f := range formulas {
		header.AddCell().SetString(f)
	}
	ids := append(append([]string{}, people...), faults...)
	for i, f := range formulas {
		row := sheet.AddRow()
		for _, c := range columns {
			text := f
			if id := ids[i%len(ids)]; c.Field == schema.FieldID && i < len(ids) {
				text = id // else a row without one
			}
			row.AddCell().SetString(text)
		}
		for _, f := range formulas {
			row.AddCell().SetString(f)
		}
	}
	var b bytes.Buffer
	if err := file.Write(&b); err != nil {
		t.Fatal(err)
	}
	p := startUp(t, t.TempDir())
	alice := token(t, "alice", "member")
	s := &leakCheck{t: t, seen: map[string]string{}}
	job := s.upload(p, alice, "=cmd|' /C calc'!A0.xlsx", b.Bytes())
	if job == "" {
		t.Fatalf("%s", s.seen["answers"])
	}
	if shown := mustRun(t, "watch", job, "--server", p.url(), "--token", alice); !strings.Contains(shown, "completed") {
		t.Fatal(shown)
	}
	for _, args := range [][]string{{"report", job}, {"report", job, "--rejects"}} {
		name := filepath.Join(t.TempDir(), "book.xlsx")
		mustRun(t, append(args, "-o", name, "--server", p.url(), "--token", alice)...)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		checkInert(t, fmt.Sprint(args), data)
	}
}

// activeElement matches the elements with which a workbook does something.
var activeElement = regexp.MustCompile(`^(f|formula|formula1|formula2|hyperlink|ddeLink|oleLink|` +
	`externalReference|oleObject|control|webPublishItem)$`)

// leadsInside reports whether an element leads to cells of the workbook alone: the links of
// the Summary, and the cells that its charts show.
func leadsInside(part string, el xml.StartElement) bool {
	if el.Name.Local == "f" {
		return strings.HasPrefix(part, "xl/charts/")
	}
	return el.Name.Local == "hyperlink" && !slices.ContainsFunc(el.Attr, func(a xml.Attr) bool {
		return a.Name.Local != "ref" && a.Name.Local != "location"
	})
}

func checkInert(t *testing.T, what string, data []byte) {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	suspect := 0
	for _, f := range zr.File {
		if strings.Contains(f.Name, "externalLink") || strings.Contains(f.Name, "vba") ||
			strings.Contains(f.Name, "connections") {
			t.Errorf("%s: part %s", what, f.Name)
		}
		if !strings.HasSuffix(f.Name, ".xml") && !strings.HasSuffix(f.Name, ".rels") {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		dec := xml.NewDecoder(rc)
		text := ""
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %s: %v", what, f.Name, err)
			}
			switch el := token.(type) {
			case xml.StartElement:
				text = ""
				if activeElement.MatchString(el.Name.Local) && !leadsInside(f.Name, el) {
					t.Errorf("%s: %s has a %s", what, f.Name, el.Name.Local)
				}
				for _, a := range el.Attr {
					if el.Name.Local == "definedName" && a.Name.Local == "name" &&
						!strings.HasPrefix(a.Value, "_xlnm.") { // those are of filters
						t.Errorf("%s: %s has the name %s", what, f.Name, a.Value)
					}
					if a.Name.Local == "TargetMode" || el.Name.Local == "c" && a.Name.Local == "t" && a.Value != "s" &&
						a.Value != "n" {
						t.Errorf("%s: %s has %s=%s", what, f.Name, a.Name.Local, a.Value)
					}
				}
			case xml.CharData:
				text += string(el)
			case xml.EndElement:
				if el.Name.Local == "t" && text != "" && strings.ContainsRune("=+-@\t\r\n|", rune(text[0])) {
					suspect++
				}
				text = ""
			}
		}
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if suspect < len(formulas)/2 {
		t.Errorf("%s: only %d texts look like formulas: the test looks at nothing", what, suspect)
	}
}
