package rowhistory

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"
	"go.uber.org/goleak"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/sheets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

// A report may be so large that reading all of it would take minutes.
func TestTheSearchOfAReportEndsInTime(t *testing.T) {
	srv := eventstest.Start(t)
	book, err := sheets.New(sheets.Config{Looks: []sheets.Look{{Style: xlsx.NewStyle()}}, Formats: []string{"0"},
		SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	for _, name := range []string{"Summary", "All Uploaded Rows"} {
		sheet, err := book.AddSheet(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 20_000; n++ {
			if err := sheet.WriteRow(0, []sheets.Cell{sheets.Number(strconv.Itoa(n), 0)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	writer := events.NewStore(eventstest.Connect(t, srv, "report"))
	file, err := writer.OpenSpool()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := book.Write(file); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	report, err := writer.Put(t.Context(), events.BucketReports, "job/report.xlsx", file)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(events.NewStore(eventstest.Connect(t, srv, "upload")), nil)
	h := &History{Row: 19_999}
	if err := r.findInReport(t.Context(), report, h); err != nil {
		t.Fatal(err)
	}
	if h.SheetsUnfinished || fmt.Sprint(h.Sheets) != "[{All Uploaded Rows 19999}]" {
		t.Errorf("found %v, unfinished %v", h.Sheets, h.SheetsUnfinished)
	}
	r.sheetsTime = time.Nanosecond
	h = &History{Row: 19_999}
	if err := r.findInReport(t.Context(), report, h); err != nil || !h.SheetsUnfinished || len(h.Sheets) > 0 {
		t.Errorf("found %v, unfinished %v, error %v", h.Sheets, h.SheetsUnfinished, err)
	}
}

// A row of two cells has two cells, however far apart they are.
func TestEmptyCellsAreNoPartOfAHistory(t *testing.T) {
	h := &History{}
	head := records.Header{Columns: []string{"ID Number", "", "Name"}, Fields: map[string]int{"id_number": 0}}
	h.addCells(head, &records.Row{ID: "8001015009087", Cells: []string{"800101 5009087"},
		Far: []records.FarCell{{Column: 16_383, Text: "x"}}}, nil)
	want := []Cell{{Column: "ID Number", Text: "800101 5009087", Field: "id_number", Value: "8001015009087"},
		{Column: "Name"}, {Text: "x"}}
	if fmt.Sprint(h.Cells) != fmt.Sprint(want) {
		t.Errorf("cells %+v", h.Cells)
	}
}
