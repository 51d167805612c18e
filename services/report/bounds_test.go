package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
	"rollcall.example/services/sheets"
	reader "rollcall.example/services/workbook"
)

// wideRoll is a roll of rejects with as many columns as a sheet can have. Fill says
// which columns of a row are filled.
func wideRoll(rows int, columns []string, fill func(row int) []int) roll {
	in := roll{columns: columns, fields: map[string]int{"id_number": 0},
		stats: events.ValidationStats{TotalRecords: rows, InvalidIDs: rows}}
	for n := range rows {
		r := records.RejectedRow{N: n + 2, Code: records.RejectFormat, Message: "The ID number has 2 digits.", Cell: "12"}
		r.Cells, r.Far = records.PackCells(func(yield func(int, string) bool) {
			for _, column := range fill(n) {
				if !yield(column, fmt.Sprintf("r%dc%d", n, column)) {
					return
				}
			}
		}, len(columns))
		in.rejects = append(in.rejects, r)
	}
	return in
}

func columnNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("Column %d", i)
	}
	return names
}

// textsOf returns how often each text stands in a workbook, and fails where a sheet
// is wider than a sheet can be.
func textsOf(t *testing.T, data []byte) map[string]int {
	t.Helper()
	book, err := reader.Open(t.Context(), bytes.NewReader(data), int64(len(data)), reader.StoredBudget())
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	texts := map[string]int{}
	for _, sheet := range book.Sheets {
		for row, err := range sheet.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if len(row.Cells) > sheets.MaxColumns {
				t.Fatalf("%d cells in a row of %s", len(row.Cells), sheet.Name)
			}
			for _, c := range row.Cells {
				texts[c.Text]++
			}
		}
	}
	return texts
}

// Excel has 16,384 columns, and the report needs some of its own.
func TestAnUploadAsWideAsASheetLosesNoColumn(t *testing.T) {
	r := newRig(t)
	all := make([]int, sheets.MaxColumns)
	for i := range all {
		all[i] = i
	}
	columns := columnNames(sheets.MaxColumns)
	job := r.runJob(t, wideRoll(3, columns, func(int) []int { return all }))
	report := textsOf(t, r.download(t, job))
	toFix := textsOf(t, r.fetch(t, *job.Reported.Rejects))
	for i, name := range columns {
		for _, text := range []string{name, fmt.Sprintf("r0c%d", i), fmt.Sprintf("r2c%d", i)} {
			if report[text] == 0 || toFix[text] != 1 {
				t.Fatalf("%q stands %d times in the report and %d times in the rejects", text, report[text], toFix[text])
			}
		}
	}
	told := false
	for text := range report {
		told = told || strings.Contains(text, "on the sheet Further Columns")
	}
	if !told {
		t.Error("the report does not say where the further columns are")
	}
	if toFix["Row"] != 1 || toFix["The ID number has 2 digits."] != 3 {
		t.Error("the rejects do not give the reasons")
	}
}

// Two cells a row, the second in the last column, made a report and a workbook of
// rejects of 100 MB each.
func TestWhatComesOutIsBoundedByWhatCameIn(t *testing.T) {
	const rows = 1500
	r := newRig(t)
	job := r.runJob(t, wideRoll(rows, []string{"ID Number", "Name"}, func(int) []int { return []int{0, 16_354} }))
	for _, a := range []events.Artifact{job.Reported.Report, *job.Reported.Rejects} {
		t.Logf("%s: %d bytes", a.Name, a.Size)
		if a.Size > rows*200 {
			t.Errorf("%s has %d bytes", a.Name, a.Size)
		}
		if got := textsOf(t, r.fetch(t, a))["r1499c16354"]; got == 0 {
			t.Errorf("%s has lost the last cell", a.Name)
		}
	}
}

// A report beyond its bound ends the job, and says why.
func TestAReportOutOfProportionIsRefused(t *testing.T) {
	err := explain(fmt.Errorf("write row: %w", sheets.ErrTooLarge))
	if r, ok := errors.AsType[*stage.Rejection](err); !ok || r.Refusal.Code != "report_too_large" || r.Retryable {
		t.Fatalf("got %v", err)
	}
	job := events.Job{Uploaded: &events.Uploaded{File: events.Artifact{Size: 1000}}}
	if got, want := maxSize(&job, 10), int64(32<<20+10*4096+16_000); got != want {
		t.Errorf("at most %d bytes, want %d", got, want)
	}
	book, err := newWorkbook(t.TempDir(), 1<<20, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := book.close(); err != nil {
			t.Error(err)
		}
	}()
	sheet, err := book.addSheet("Long")
	for i := 0; err == nil && i < 2_000_000; i++ {
		err = sheet.writeRow([]cell{intCell(i * 7919)}, nil, plain)
	}
	if err == nil {
		err = book.write(io.Discard)
	}
	if !errors.Is(err, sheets.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// A file that invents a ward for each row had more lines in its summary than a sheet
// has.
func TestInventedWardsAreCountedTogether(t *testing.T) {
	wards := wardTallies{}
	for n := range 2 * maxWards {
		ward := fmt.Sprintf("%08d", n)
		wards.countEntry(&entry{row: &records.Row{N: n, Fields: map[string]string{fieldWard: ward}},
			verdict: &records.Verdict{}, outcome: &records.Outcome{}})
	}
	if len(wards) != maxWards+1 || wards[moreWards].people != maxWards || wards["00000007"].people != 1 {
		t.Errorf("%d wards, %+v of them further ones", len(wards), wards[moreWards])
	}
}

func TestAJobWithNothingToFixHasNoRejects(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	in.rejects = nil
	for i := range in.outcomes {
		if in.outcomes[i].Result == records.Refused {
			in.outcomes[i].Result = records.Unchanged
		}
	}
	if job := r.runJob(t, in); job.Reported == nil || job.Reported.Rejects != nil {
		t.Errorf("got %+v", job.Reported)
	}
}

// fetch reads an artifact as the upload service does.
func (r *rig) fetch(t *testing.T, a events.Artifact) []byte {
	t.Helper()
	_, store := r.connectAs(t, events.StageUpload)
	f, err := store.Fetch(context.WithoutCancel(t.Context()), a)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
