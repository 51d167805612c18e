package pdf

import (
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
)

// Register is what stands above the list of an attendance register.
type Register struct {
	Ward         string
	SubRegion    string // "" for unknown, as are the next ones
	Municipality string
	Province     string
	// Registered and Target are how many members are registered in the ward, and how many
	// have to be.
	Registered, Target int
	At                 time.Time
}

// Attendee is a line of a register. The ID number is masked by whoever makes it.
type Attendee struct {
	Name, MaskedID, VD string
}

// column is a column of a table: its heading and its width in mm.
type column struct {
	name  string
	width float64
}

// registerColumns fill the width of a page: 180 mm.
var registerColumns = []column{{"No.", 12}, {"Name", 62}, {"ID number", 34}, {"VD", 22}, {"Signature", 50}}

const lineHeight = 8.5 // mm, room for a signature

// MaxAttendees is how many members a register may have: a few pages for each thousand.
const MaxAttendees = 5000

// Write writes the register with a line for each member, in their order. The heading of the
// table stands on each page. An error of people ends it, and nothing is written.
func (r Register) Write(to io.Writer, people iter.Seq2[Attendee, error]) error {
	d := newDocument("Attendance register of ward "+r.Ward, "Attendance register of ward "+r.Ward+", "+moment(r.At), r.At)
	first := true
	d.SetHeaderFunc(func() {
		if first {
			r.writeHead(d)
			first = false
		}
		d.SetFont(font, "B", 9)
		d.SetFillColor(230, 230, 230)
		for _, c := range registerColumns {
			d.CellFormat(c.width, 7, c.name, "1", 0, "L", true, 0, "")
		}
		d.Ln(-1)
	})
	d.AddPage()
	n := 0
	for person, err := range people {
		if err != nil {
			return err
		}
		n++
		d.SetFont(font, "", 9)
		for i, text := range []string{strconv.Itoa(n), person.Name, person.MaskedID, person.VD, ""} {
			align := "L"
			if i == 0 {
				align = "R"
			}
			width := registerColumns[i].width
			d.CellFormat(width, lineHeight, d.fit(text, width-3), "1", 0, align, false, 0, "")
		}
		d.Ln(-1)
		if d.Err() {
			break
		}
	}
	return d.finish(to)
}

func (r Register) writeHead(d *document) {
	d.line(16, "B", "Attendance register")
	d.Ln(1)
	place := "Ward " + r.Ward
	for _, more := range []string{r.SubRegion, r.Municipality, r.Province} {
		if more != "" {
			place += ", " + more
		}
	}
	d.line(11, "", place)
	d.line(9, "", fmt.Sprintf("%d members are registered in the ward; it needs %d. As of %s.", r.Registered, r.Target,
		moment(r.At)))
	d.line(9, "", "Meeting: ______________________________   Date: __________________   Present: ________")
	d.Ln(3)
}
