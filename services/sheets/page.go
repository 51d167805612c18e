package sheets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tealeg/xlsx/v3"
)

// Page says how a sheet is printed: on A4, as wide as one page, each page with its number
// and how many there are. The zero Page is upright and has as many pages as it needs.
type Page struct {
	Landscape bool
	// OnePage shrinks the whole sheet to one page.
	OnePage bool
	// HeaderRows is how many rows at the top each page repeats.
	HeaderRows int
	// Footer stands at the left below each page. It is cut to 100 characters.
	Footer string
}

// link is a cell that leads to another sheet of the book.
type link struct {
	cell string // its address
	to   *Sheet
}

// SetPage says how the sheet is printed.
func (s *Sheet) SetPage(p Page) { s.page = &p }

// AddLink makes the cell in a row and a column, both from 1, lead to the top of another
// sheet of the book.
func (s *Sheet) AddLink(row, column int, to *Sheet) {
	s.links = append(s.links, link{xlsx.GetCellIDStringFromCoords(column-1, row-1), to})
}

// addSurroundings puts behind the rows what the library does not write: links, the page,
// the drawing of the charts. The order is that of ECMA-376, part 1, 18.3.1.99.
func (s *Sheet) addSurroundings(f *packageFile) error {
	var out bytes.Buffer
	if len(s.links) > 0 {
		out.WriteString(`<hyperlinks>`)
		for _, l := range s.links {
			fmt.Fprintf(&out, `<hyperlink ref="%s" location="%s"/>`, l.cell, escape(quoteSheet(l.to.name)+"!A1"))
		}
		out.WriteString(`</hyperlinks>`)
	}
	if p := s.page; p != nil {
		// The library says in each sheet that it is not fitted.
		fitted := bytes.Replace(f.head, []byte(`fitToPage="false"`), []byte(`fitToPage="true"`), 1)
		if bytes.Equal(fitted, f.head) {
			return fmt.Errorf("the library wrote no page of sheet %q", s.name)
		}
		f.head = fitted
		orientation, height := "portrait", 0
		if p.Landscape {
			orientation = "landscape"
		}
		if p.OnePage {
			height = 1
		}
		fmt.Fprintf(&out, `<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.7" header="0.3" footer="0.3"/>`+
			`<pageSetup paperSize="9" orientation="%s" fitToWidth="1" fitToHeight="%d"/>`+
			`<headerFooter><oddFooter>%s</oddFooter></headerFooter>`, orientation, height, escape(p.footer()))
	}
	if len(s.charts) > 0 {
		out.WriteString(`<drawing r:id="rId1"/>`)
	}
	tail, ok := bytes.CutSuffix(bytes.TrimSpace(f.tail), []byte(`</worksheet>`))
	if !ok {
		return fmt.Errorf("the library wrote no end of sheet %q", s.name)
	}
	f.tail = slices.Concat(tail, out.Bytes(), []byte(`</worksheet>`))
	return nil
}

// maxFooter is how many characters of a footer are kept. Excel takes 255 with its codes.
const maxFooter = 100

// footer returns the codes of the footer. An ampersand begins a code; digits behind one
// would be a size.
func (p *Page) footer() string {
	text := p.Footer
	if utf8.RuneCountInString(text) > maxFooter {
		text = string([]rune(text)[:maxFooter-1]) + "…"
	}
	return "&L&8 " + strings.ReplaceAll(text, "&", "&&") + "&R&8Page &P of &N"
}

// repeatHeaders names the rows that each page of a sheet repeats.
func (b *Book) repeatHeaders(files []packageFile) error {
	var names strings.Builder
	for i, s := range b.sheets {
		if s.page != nil && s.page.HeaderRows > 0 {
			fmt.Fprintf(&names, `<definedName name="_xlnm.Print_Titles" localSheetId="%d">%s</definedName>`,
				i, escape(fmt.Sprintf("%s!$1:$%d", quoteSheet(s.name), s.page.HeaderRows)))
		}
	}
	if names.Len() == 0 {
		return nil
	}
	at := slices.IndexFunc(files, func(f packageFile) bool { return f.name == workbookPart })
	if at < 0 {
		return errors.New("the library wrote no file for the book")
	}
	const open, behind = `<definedNames>`, `</sheets>`
	text := string(files[at].head)
	switch {
	case strings.Contains(text, open):
		text = strings.Replace(text, open, open+names.String(), 1)
	case strings.Contains(text, behind):
		text = strings.Replace(text, behind, behind+open+names.String()+`</definedNames>`, 1)
	default:
		return errors.New("the library wrote no list of the sheets")
	}
	files[at].head = []byte(text)
	return nil
}

// quoteSheet returns the name of a sheet as a reference has it.
func quoteSheet(name string) string { return "'" + strings.ReplaceAll(name, "'", "''") + "'" }

// escape returns a text as XML has it in elements and attributes.
func escape(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		panic(err) // a strings.Builder takes all
	}
	return b.String()
}
