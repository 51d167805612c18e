package report

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"
)

// checkNoFormula reads the parts of a workbook itself: no sheet has a formula, and
// each text that looks like one is a shared string in a text cell.
func checkNoFormula(t *testing.T, data []byte) {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var shared struct {
		Strings []struct {
			T string `xml:"t"`
		} `xml:"si"`
	}
	if err := xml.Unmarshal(readPart(t, zr, "xl/sharedStrings.xml"), &shared); err != nil {
		t.Fatal(err)
	}
	suspect := map[byte]int{}
	sheets := 0
	for _, f := range zr.File {
		if !f.Modified.IsZero() && f.Modified.Year() != 1979 {
			t.Errorf("%s carries the time %s", f.Name, f.Modified.Format(time.RFC3339))
		}
		if path.Dir(f.Name) != "xl/worksheets" {
			continue
		}
		sheets++
		body := readPart(t, zr, f.Name)
		dec := xml.NewDecoder(bytes.NewReader(body))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			if el, ok := token.(xml.StartElement); ok && el.Name.Local == "f" {
				t.Errorf("%s has a formula", f.Name)
			}
		}
		var sheet struct {
			Cells []struct {
				Type  string `xml:"t,attr"`
				Value string `xml:"v"`
			} `xml:"sheetData>row>c"`
		}
		if err := xml.Unmarshal(body, &sheet); err != nil {
			t.Fatal(err)
		}
		for _, c := range sheet.Cells {
			switch c.Type {
			case "s":
				i, err := strconv.Atoi(c.Value)
				if err != nil {
					t.Fatal(err)
				}
				if s := shared.Strings[i].T; s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
					suspect[s[0]]++
				}
			case "", "n":
				if _, err := strconv.ParseFloat(c.Value, 64); err != nil && c.Value != "" { // or empty
					t.Errorf("%s: a number %q", f.Name, c.Value)
				}
			default:
				t.Errorf("%s: a cell of type %q", f.Name, c.Type)
			}
		}
	}
	if sheets != 14 || len(suspect) != 6 {
		t.Errorf("%d sheets, formula-like texts by first character: %v", sheets, suspect)
	}
}

func readPart(t *testing.T, zr *zip.Reader, name string) []byte {
	t.Helper()
	f, err := zr.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return body
}
