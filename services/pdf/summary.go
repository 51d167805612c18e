package pdf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"rollcall.example/events"
)

// WardCount is how many registered members of a job a ward has.
type WardCount struct {
	Ward       string
	Registered int
}

// figure is a line of the summary.
type figure struct {
	name  string
	value int
}

// maxWardBars is how many wards the chart shows.
const maxWardBars = 15

// WriteSummary writes what a job has come to, on two pages: the figures, and charts of the
// IEC's answers and of the wards, the largest first. The job has a report. target is how
// many registered members a ward needs; wards are in their order, and all are counted.
func WriteSummary(to io.Writer, job *events.Job, wards []WardCount, target int) error {
	if job.Reported == nil || job.Persisted == nil || job.Verified == nil {
		return errors.New("write summary: the job has no report")
	}
	stats, db, iec := job.Reported.Validation, job.Reported.Database, job.Verified.Stats
	if job.Persisted.IEC != nil {
		iec = *job.Persisted.IEC // without the rows that wait for somebody else
	}
	at := job.Reported.At
	d := newDocument("Summary of "+job.FileName, job.FileName+", "+day(at), at)
	d.AddPage()
	d.line(16, "B", "Bulk upload report: summary")
	d.Ln(2)
	for _, text := range [][2]string{{"File", job.FileName}, {"Job", job.ID}, {"Uploaded by", job.Owner.ID},
		{"Uploaded", moment(job.CreatedAt)}, {"Finished", moment(at)}} {
		d.SetFont(font, "B", 9)
		d.CellFormat(32, 5.5, text[0], "", 0, "L", false, 0, "")
		d.SetFont(font, "", 9)
		d.CellFormat(0, 5.5, d.fit(text[1], d.width-34), "", 1, "L", false, 0, "")
	}
	for _, note := range notesOf(job) {
		d.line(9, "B", "Note: "+note)
	}
	d.section("Validation", []figure{{"Rows in the file", stats.TotalRecords}, {"Accepted rows", stats.ValidRecords},
		{"Rows with an invalid ID number, left out", stats.InvalidIDs}, {"Duplicate rows, left out", stats.Duplicates},
		{"Rows outside of the uploader's area, left out", stats.OutOfArea}, {"Warnings", stats.Warnings}})
	d.section("Answers of the IEC", verdicts(iec))
	if job.Options.Undoes != "" {
		d.section("Database", []figure{{"Members removed", db.Removed}, {"Members whose values were put back", db.Updates},
			{"Members changed since, left as they are", db.Kept}, {"Nothing to put back", db.Unchanged}})
	} else {
		d.section("Database", []figure{{"New members", db.Inserts}, {"Existing members, updated", db.Updates},
			{"Existing members, unchanged", db.Unchanged}, {"Refused by the database", db.Errors},
			{"Members already, left alone", db.Known}, {"No members, not added", db.Unknown},
			{"Rows that wait for somebody of another area", db.Transfers}})
	}
	reached := 0
	for _, w := range wards {
		if w.Registered >= target {
			reached++
		}
	}
	d.section("Wards", []figure{{"Wards in the file", len(wards)},
		{fmt.Sprintf("Wards with at least %d registered members", target), reached}})

	d.AddPage()
	d.chart("What the IEC answered", verdicts(iec), 0)
	var bars []figure
	for _, w := range largest(wards) {
		bars = append(bars, figure{w.Ward, w.Registered})
	}
	title := "Registered members by ward"
	if len(wards) > len(bars) {
		title = fmt.Sprintf("Registered members of the %d largest wards", len(bars))
	}
	if len(bars) > 0 {
		d.chart(fmt.Sprintf("%s; the line is at the target of %d", title, target), bars, target)
	}
	return d.finish(to)
}

func verdicts(iec events.IECStats) []figure {
	return []figure{{"Registered", iec.Registered}, {"Not registered", iec.NotRegistered}, {"Deceased", iec.Deceased},
		{"Registered abroad", iec.International}, {"Unverified", iec.Unverified}}
}

// notesOf says what is special about a job.
func notesOf(job *events.Job) (notes []string) {
	o := job.Options
	for _, n := range []struct {
		is   bool
		text string
	}{
		{o.DryRun, "Dry run: nothing was written. This is what would be."},
		{o.Undoes != "", "This undoes " + o.Undoes + "."},
		{o.Commits != "", "This writes what the dry run " + o.Commits + " has shown."},
		{o.Completes != "", "These are the rows of " + o.Completes + " that waited for somebody of another area."},
		{o.Mode == events.ModeCreate, "Only new members were to be added."},
		{o.Mode == events.ModeUpdate, "Only members were to be changed."},
		{o.SkipIEC, "The IEC was not asked: nobody's registration was checked."},
	} {
		if n.is {
			notes = append(notes, n.text)
		}
	}
	return notes
}

// section writes a heading and a table of two columns.
func (d *document) section(name string, lines []figure) {
	d.Ln(3)
	d.line(12, "B", name)
	d.SetFont(font, "", 10)
	for _, l := range lines {
		d.CellFormat(d.width-30, 6, l.name, "B", 0, "L", false, 0, "")
		d.CellFormat(30, 6, grouped(l.value), "B", 1, "R", false, 0, "")
	}
}

// chart draws a bar with its number for each line; a mark, unless it is 0, is a line across
// all of them.
func (d *document) chart(title string, bars []figure, mark int) {
	const height, label, number = 7.0, 42.0, 20.0
	d.line(12, "B", title)
	d.Ln(2)
	most := max(mark, 1)
	for _, b := range bars {
		most = max(most, b.value)
	}
	scale := (d.width - label - number) / float64(most)
	top := d.GetY()
	d.SetFont(font, "", 9)
	for _, b := range bars {
		y := d.GetY()
		d.SetFillColor(140, 140, 140)
		d.CellFormat(label, height, d.fit(b.name, label-2), "", 0, "L", false, 0, "")
		if b.value > 0 {
			d.Rect(margin+label, y+1, float64(b.value)*scale, height-2, "F")
		}
		d.SetXY(margin+label+float64(b.value)*scale+1, y)
		d.CellFormat(number, height, grouped(b.value), "", 0, "L", false, 0, "")
		d.SetXY(margin, y+height)
	}
	if mark > 0 {
		x := margin + label + float64(mark)*scale
		d.SetDashPattern([]float64{2, 1}, 0)
		d.SetLineWidth(0.5)
		d.Line(x, top-1, x, d.GetY()+1)
		d.SetDashPattern(nil, 0)
		d.SetLineWidth(0.2)
	}
	d.Ln(6)
}

// largest returns the wards with the most registered members.
func largest(wards []WardCount) []WardCount {
	list := sortedByCount(wards)
	return list[:min(len(list), maxWardBars)]
}

// grouped writes a number with a space between its thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	var b strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteRune('\u00a0')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// sortedByCount returns the wards, those with the most registered members first.
func sortedByCount(wards []WardCount) []WardCount {
	list := slices.Clone(wards)
	slices.SortStableFunc(list, func(a, b WardCount) int {
		return cmp.Or(cmp.Compare(b.Registered, a.Registered), cmp.Compare(a.Ward, b.Ward))
	})
	return list
}
