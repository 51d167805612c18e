package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
)

func (r *goldenRig) count(table string) (n int) {
	r.t.Helper()
	if err := r.db.Get(&n, "SELECT count(*) FROM "+table); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// members returns the whole table as text, times included.
func (r *goldenRig) members() string {
	r.t.Helper()
	var lines []string
	if err := r.db.Select(&lines, "SELECT members::text FROM members ORDER BY id_number"); err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func (r *goldenRig) dumpMembers(b *strings.Builder, job events.Job) {
	r.dump(b, job, "SELECT * FROM members WHERE created_by_job = $1 OR updated_by_job = $1 ORDER BY id_number")
}

func (r *goldenRig) dumpOutcomes(b *strings.Builder, job events.Job) {
	r.dump(b, job, "SELECT * FROM job_outcomes WHERE job_id = $1 ORDER BY n")
}

// dump writes the rows of a query: each column that is not null, with its name.
func (r *goldenRig) dump(b *strings.Builder, job events.Job, query string) {
	r.t.Helper()
	rows, err := r.db.Queryx(query, job.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		r.t.Fatal(err)
	}
	for rows.Next() {
		values, err := rows.SliceScan()
		if err != nil {
			r.t.Fatal(err)
		}
		var cells []string
		for i, v := range values {
			if v != nil && names[i] != "id" && names[i] != "row_digest" {
				cells = append(cells, names[i]+"="+normalize(v, job))
			}
		}
		fmt.Fprintln(b, strings.Join(cells, " "))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
}

func normalize(v any, job events.Job) string {
	switch v := v.(type) {
	case time.Time:
		if v.Equal(v.Truncate(24 * time.Hour)) {
			return v.Format(time.DateOnly)
		}
		return "<time>"
	case []byte:
		return shorten(string(v))
	case string:
		if v == job.ID {
			return "<job>"
		}
		return shorten(v)
	}
	return fmt.Sprint(v)
}

// People get older.
var ages = regexp.MustCompile(`(person is |, but )\d+( years old| by the ID number)`)

// shorten quotes a text, and names its length where it is long.
func shorten(text string) string {
	text = ages.ReplaceAllString(text, "${1}<age>${2}")
	if n := len([]rune(text)); n > 500 {
		return fmt.Sprintf("%q... of %d", string([]rune(text)[:40]), n)
	}
	return strconv.Quote(text)
}

const everything = "All Uploaded Rows"

// dumpReport writes every sheet, one line per row with its fill. It writes the uploaded cells
// for the sheet of all rows only; in the others they have to be the same. first is the first
// column of the upload.
func dumpReport(t *testing.T, b *strings.Builder, book *xlsx.File, job events.Job, first string) {
	t.Helper()
	uploaded := make(map[string][]string) // by the number of the sheet row
	explain := -1
	for n := range book.Sheet[everything].MaxRow {
		cells, _ := readRow(t, book.Sheet[everything], n, job)
		if n == 0 {
			explain = slices.Index(cells, shorten(first))
		} else if explain > 0 && len(cells) > explain {
			uploaded[cells[0]] = cells[explain:]
		}
	}
	for _, s := range book.Sheets {
		fmt.Fprintf(b, "== %s", s.Name)
		if len(s.SheetViews) > 0 && s.SheetViews[0].Pane != nil {
			fmt.Fprintf(b, ", %s above %s", s.SheetViews[0].Pane.State, s.SheetViews[0].Pane.TopLeftCell)
		}
		if s.AutoFilter != nil {
			fmt.Fprintf(b, ", filter %s:%s", s.AutoFilter.TopLeftCell, s.AutoFilter.BottomRightCell)
		}
		b.WriteString("\n")
		explain := -1 // how many columns explain a row; -1 where the sheet has no rows of the upload
		for n := range s.MaxRow {
			cells, fill := readRow(t, s, n, job)
			if n == 0 {
				explain = slices.Index(cells, shorten(first))
			}
			show := cells
			if n > 0 && explain > 0 && len(cells) > explain {
				own := cells[explain:]
				if s.Name != everything {
					show = cells[:explain]
				}
				if !slices.Equal(own, uploaded[cells[0]]) {
					t.Errorf("%s: row %s is not as it was uploaded:\n%s\n%s", s.Name, cells[0], own, uploaded[cells[0]])
				}
			}
			fmt.Fprintf(b, "[%s] %s\n", fill, strings.Join(show, " | "))
		}
	}
	if len(uploaded) != job.Validated.Stats.TotalRecords {
		t.Errorf("%d rows in the report, %d in the file", len(uploaded), job.Validated.Stats.TotalRecords)
	}
}

// readRow returns the cells of a row as text, without empty ones at its end, and their common
// fill.
func readRow(t *testing.T, s *xlsx.Sheet, n int, job events.Job) (cells []string, fill string) {
	t.Helper()
	row, err := s.Row(n)
	if err != nil {
		t.Fatal(err)
	}
	fill = "none"
	err = row.ForEachCell(func(c *xlsx.Cell) error {
		if c.Formula() != "" {
			t.Errorf("%s, row %d: a cell is a formula", s.Name, n+1)
		}
		x, _ := c.GetCoordinates()
		style := c.GetStyle()
		if x == 0 {
			if fill = style.Fill.FgColor; style.Font.Bold {
				fill += " bold " + style.Font.Color
			}
		} else if got := style.Fill.FgColor; !strings.HasPrefix(fill, got) {
			t.Errorf("%s, row %d is filled with %s and %s", s.Name, n+1, fill, got)
		}
		value := c.Value
		switch {
		case value == "":
		case value == job.ID:
			value = "<job>"
		case c.NumFmt == "yyyy-mm-dd hh:mm:ss":
			value = "<time>"
		case c.Type() == xlsx.CellTypeNumeric:
			value += " {" + c.NumFmt + "}"
		default:
			if c.NumFmt != "@" {
				t.Errorf("%s, row %d: a text has the format %q", s.Name, n+1, c.NumFmt)
			}
			value = shorten(value)
		}
		cells = append(cells, value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return cells, fill
}
