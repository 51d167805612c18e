package validation

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/text/encoding/charmap"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// saveAsCSV returns the roll of a workbook as a spreadsheet program saves it on
// Windows, where the comma is the decimal separator.
func saveAsCSV(t *testing.T, data []byte) []byte {
	t.Helper()
	book, err := workbook.Open(t.Context(), bytes.NewReader(data), int64(len(data)), workbook.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	sheet, _, err := book.Roll(columns)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = ';', true
	last := 0
	for row, err := range sheet.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		for last++; last < row.N; last++ {
			if err := w.Write([]string{"", ""}); err != nil {
				t.Fatal(err)
			}
		}
		var record []string
		for _, cell := range row.Cells {
			record = append(record, cell.Text)
		}
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	text, err := charmap.Windows1252.NewEncoder().Bytes(b.Bytes())
	if err != nil || w.Error() != nil {
		t.Fatal(err, w.Error())
	}
	return text
}

// validateFile runs a file through the stage and returns what comes of it.
func validateFile(
	t *testing.T, srv *embedded.Server, data []byte,
) (events.ValidationStats, []records.Row, []records.RejectedRow) {
	t.Helper()
	js := eventstest.Connect(t, srv, "report")
	fact := eventstest.WaitKind(t, events.NewLog(js, events.StageReport, nil), uploadFile(t, srv, data).ID,
		events.KindValidated).Validated
	return fact.Stats, readRecords[records.Row](t, js, fact.Rows), readRecords[records.RejectedRow](t, js, fact.Rejects)
}

func TestACSVIsJudgedLikeTheWorkbookThatItWasSavedFrom(t *testing.T) {
	srv := eventstest.Start(t)
	runService(t, srv)
	sample, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	stats, rows, rejects := validateFile(t, srv, sample)
	csvStats, csvRows, csvRejects := validateFile(t, srv, saveAsCSV(t, sample))
	if stats != csvStats {
		t.Errorf("stats %+v, of the workbook %+v", csvStats, stats)
	}
	if !reflect.DeepEqual(csvRejects, rejects) {
		t.Errorf("%d rejects differ from %d", len(csvRejects), len(rejects))
	}
	if len(rows) != len(csvRows) {
		t.Fatalf("%d rows, of the workbook %d", len(csvRows), len(rows))
	}
	for i := range rows {
		if !reflect.DeepEqual(rows[i], csvRows[i]) {
			t.Errorf("row %d is %+v, in the workbook %+v", rows[i].N, csvRows[i], rows[i])
			break
		}
	}
}

func readRecords[T records.Record](t *testing.T, js jetstream.JetStream, a events.Artifact) []T {
	t.Helper()
	var all []T
	for record, err := range records.Each[T](t.Context(), events.NewStore(js), a, nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *record)
	}
	return all
}

// A CSV that a spreadsheet saved, read from its bytes to its rows.
func TestIDNumbersOfASavedCSV(t *testing.T) {
	text := "\xef\xbb\xbfIdentity No.;Name;Date Joined\r\n" +
		"7045006082;Born in 2000;04/03/2021\r\n" +
		"\"=\"\"8001015009087\"\"\";A formula;20210304\r\n" +
		"8,50616E+12;Lost;Aug 29, 2021\r\n" +
		"9001010001088.0;A float;29 Augustus 21\r\n" +
		"7045006083;No check digit;\r\n"
	book, err := workbook.Open(t.Context(), strings.NewReader(text), int64(len(text)), workbook.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	sheet, header, err := book.Roll(columns)
	if err != nil {
		t.Fatal(err)
	}
	var rows []workbook.Row
	for row, err := range sheet.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		row.Cells = slices.Clone(row.Cells)
		rows = append(rows, row)
	}
	got := judgeAll(t, Settings{Header: header, UploadedAt: uploadTime}, slices.Values(rows))
	want := [][2]string{{"0007045006082", "2021-03-04"}, {"8001015009087", "2021-03-04"}, {"9001010001088", "2021-08-29"}}
	if len(got.rows) != len(want) || len(got.rejects) != 2 {
		t.Fatalf("%+v, %+v", got.rows, got.rejects)
	}
	for i, row := range got.rows {
		if row.ID != want[i][0] || row.Fields["date_joined"] != want[i][1] {
			t.Errorf("%s, %v", row.ID, row.Fields)
		}
	}
	if a, b := got.rejects[0], got.rejects[1]; a.Code != records.RejectScientific || b.Code != records.RejectFormat ||
		!strings.Contains(a.Message, "Format the column as text") {
		t.Errorf("%+v", got.rejects)
	}
}
