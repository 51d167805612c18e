package sheets

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"
)

// readParts returns the parts of a package by name. Each is well-formed XML.
func readParts(t *testing.T, data []byte) map[string]string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		for dec := xml.NewDecoder(bytes.NewReader(text)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		parts[f.Name] = string(text)
	}
	return parts
}

// elementsOf returns the names of the elements right below the root.
func elementsOf(t *testing.T, text string) (names []string) {
	t.Helper()
	depth := 0
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return names
		} else if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 {
				names = append(names, e.Name.Local)
			}
		case xml.EndElement:
			depth--
		}
	}
}

func TestASheetIsPrintedAsItSays(t *testing.T) {
	b := newTestBook(t)
	first, second, third := newTestSheet(t, b, "What's <in>"), newTestSheet(t, b, "Rows & more"), newTestSheet(t, b, "C")
	writeRow(t, first, 0, addText(t, b, "Registered"), Number("3", 1), addText(t, b, "Rows").As(1))
	writeRow(t, first, 0, addText(t, b, "Deceased"), Number("1", 1))
	writeRow(t, second, 0, addText(t, b, "a"))
	writeRow(t, third, 0, addText(t, b, "a"))
	first.SetPage(Page{Landscape: true, OnePage: true, Footer: "A & B <1>.xlsx"})
	first.AddLink(1, 3, second)
	bars := []Bar{{"Registered", 3}, {"Deceased <1>", 1}}
	first.AddChart(Chart{Title: "Who & what", Bars: bars, FirstRow: 1, FromColumn: 4, ToColumn: 9, ToRow: 12})
	first.AddChart(Chart{Title: "Again", Bars: bars, FirstRow: 1, FromColumn: 4, FromRow: 12, ToColumn: 9, ToRow: 24})
	second.SetPage(Page{HeaderRows: 1, Footer: strings.Repeat("é", 300)})
	second.Configure(func(s *xlsx.Sheet) {
		s.AutoFilter = &xlsx.AutoFilter{TopLeftCell: "A1", BottomRightCell: "A1"}
	})
	parts := readParts(t, writeBook(t, b))

	for name, want := range map[string][]string{
		"xl/worksheets/sheet1.xml": {"sheetPr", "dimension", "sheetViews", "sheetFormatPr", "sheetData", "hyperlinks",
			"pageMargins", "pageSetup", "headerFooter", "drawing"},
		"xl/worksheets/sheet2.xml": {"sheetPr", "dimension", "sheetViews", "sheetFormatPr", "sheetData", "autoFilter",
			"pageMargins", "pageSetup", "headerFooter"},
		"xl/worksheets/sheet3.xml": {"sheetPr", "dimension", "sheetViews", "sheetFormatPr", "sheetData"},
	} {
		if got := elementsOf(t, parts[name]); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	for name, all := range map[string][]string{
		"xl/worksheets/sheet1.xml": {`fitToPage="true"`, `orientation="landscape" fitToWidth="1" fitToHeight="1"`,
			`<hyperlink ref="C1" location="&#39;Rows &amp; more&#39;!A1"/>`,
			`<oddFooter>&amp;L&amp;8 A &amp;&amp; B &lt;1&gt;.xlsx&amp;R&amp;8Page &amp;P of &amp;N</oddFooter>`,
			`<drawing r:id="rId1"/>`},
		"xl/worksheets/sheet2.xml": {`orientation="portrait" fitToWidth="1" fitToHeight="0"`,
			strings.Repeat("é", 99) + "…&amp;R"},
		"xl/worksheets/sheet3.xml": {`fitToPage="false"`},
		workbookPart: {`<definedName name="_xlnm.Print_Titles" localSheetId="1">&#39;Rows &amp; more&#39;!$1:$1<`,
			`_xlnm._FilterDatabase`},
		"xl/charts/chart1.xml": {"Who &amp; what", `<c:f>&#39;What&#39;&#39;s &lt;in&gt;&#39;!$A$1:$A$2</c:f>`,
			`!$B$1:$B$2</c:f>`, "<c:v>Deceased &lt;1&gt;</c:v>", "<c:v>3</c:v>"},
		"xl/drawings/drawing1.xml": {`r:id="rId1"`, `r:id="rId2"`, `descr="Who &amp; what"`},
	} {
		for _, want := range all {
			if !strings.Contains(parts[name], want) {
				t.Errorf("%s lacks %s:\n%s", name, want, parts[name])
			}
		}
	}
	if strings.Contains(parts[workbookPart], `localSheetId="0"`) {
		t.Errorf("a sheet without a header repeats one:\n%s", parts[workbookPart])
	}
	// Each part has a type, and each relation leads to a part.
	for name, text := range parts {
		if kind := path.Ext(name); name != contentTypes && kind != ".rels" &&
			!strings.Contains(parts[contentTypes], `PartName="/`+name+`"`) {
			t.Errorf("%s has no type", name)
		}
		if dir, file := path.Split(name); path.Base(dir) == "_rels" && file != ".rels" {
			for _, piece := range strings.Split(text, `Target="`)[1:] {
				target, _, _ := strings.Cut(piece, `"`)
				if _, ok := parts[path.Join(path.Dir(path.Clean(dir)), target)]; !ok {
					t.Errorf("%s leads to %s, which is missing", name, target)
				}
			}
		}
	}
}

func TestABookWithoutPagesIsWhatTheLibraryWrites(t *testing.T) {
	b := newTestBook(t)
	writeRow(t, newTestSheet(t, b, "A"), 0, addText(t, b, "a"))
	for name, text := range readParts(t, writeBook(t, b)) {
		if strings.Contains(name, "drawing") || strings.Contains(name, "chart") || strings.Contains(text, "Print_Titles") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
