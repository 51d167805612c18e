// Package pdf writes documents that people print: the attendance register of a ward and
// the summary of a job. The fonts are embedded, in the parts that a document uses, so that
// names with any mark of South Africa's languages print everywhere. A document is built in
// memory, a few KB for each page, and bounded by its caller.
package pdf

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/text/unicode/norm"

	"rollcall.example/events"
)

// DejaVu Sans Condensed, whose licence is beside it.
var (
	//go:embed fonts/DejaVuSansCondensed.ttf
	regular []byte
	//go:embed fonts/DejaVuSansCondensed-Bold.ttf
	bold []byte
)

const (
	margin = 15.0 // mm
	font   = "DejaVu"
)

// document is a document of A4 pages, with a foot that counts them.
type document struct {
	*fpdf.Fpdf
	width float64 // between the margins, in mm
}

// newDocument begins a document. Nothing in it depends on the time at which it is made but
// at, which is in its foot.
func newDocument(title, foot string, at time.Time) *document {
	p := fpdf.New("P", "mm", "A4", "")
	p.SetCatalogSort(true)
	p.SetCreationDate(at.UTC())
	p.SetModificationDate(at.UTC())
	p.SetTitle(title, true)
	p.SetCreator("rollcall", true)
	p.AddUTF8FontFromBytes(font, "", regular)
	p.AddUTF8FontFromBytes(font, "B", bold)
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, 18)
	p.AliasNbPages("{pages}")
	width, _ := p.GetPageSize()
	d := &document{p, width - 2*margin}
	p.SetFooterFunc(func() {
		p.SetY(-13)
		p.SetFont(font, "", 8)
		p.CellFormat(d.width*0.8, 5, d.fit(foot, d.width*0.8), "", 0, "L", false, 0, "")
		p.CellFormat(0, 5, fmt.Sprintf("Page %d of {pages}", p.PageNo()), "", 0, "R", false, 0, "")
	})
	return d
}

// finish writes the document.
func (d *document) finish(to io.Writer) error {
	if err := d.Output(to); err != nil {
		return fmt.Errorf("write pdf: %w", err)
	}
	return nil
}

// line writes a line of text over the whole width, shortened to it.
func (d *document) line(size float64, style, text string) {
	d.SetFont(font, style, size)
	d.CellFormat(0, size*0.5, d.fit(text, d.width), "", 1, "L", false, 0, "")
}

// fit returns a text as the font can print it, shortened to a width in mm: marks are
// composed with their letters, and what is no text is left out.
func (d *document) fit(text string, width float64) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r > 0xFFFF: // the library knows the first plane only
			return '?'
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(text, "?")))
	if d.GetStringWidth(text) <= width {
		return text
	}
	letters := []rune(text)
	for len(letters) > 0 && d.GetStringWidth(string(letters)+"…") > width {
		letters = letters[:len(letters)-1]
	}
	return string(letters) + "…"
}

// day is a day of South Africa in words.
func day(at time.Time) string { return at.In(events.SouthAfrica).Format("2 January 2006") }

// moment is a time of South Africa in words.
func moment(at time.Time) string {
	return at.In(events.SouthAfrica).Format("2 January 2006, 15:04 MST")
}
