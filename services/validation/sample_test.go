package validation

import (
	"bytes"
	"testing"
	"time"

	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

func TestTheSampleHasEveryKindOfRow(t *testing.T) {
	data, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	file, err := workbook.Open(t.Context(), bytes.NewReader(data), int64(len(data)), workbook.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	sheet, header, err := file.Roll(columns)
	if err != nil {
		t.Fatal(err)
	}
	settings := Settings{Header: header, UploadedAt: time.Date(2025, 7, 1, 8, 0, 0, 0, time.UTC),
		Date1904: file.Date1904}
	got := judgeAll(t, settings, func(yield func(workbook.Row) bool) {
		for row, err := range sheet.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(row) {
				return
			}
		}
	})
	codes, warnings, wards := make(map[string]int), make(map[string]int), make(map[string]bool)
	for _, reject := range got.rejects {
		codes[reject.Code]++
	}
	for _, row := range got.rows {
		wards[row.Fields["ward"]] = true
		for _, warning := range row.Warnings {
			warnings[warning.Code]++
		}
	}
	for _, code := range []string{records.RejectMissing, records.RejectFormat, records.RejectChecksum,
		records.RejectDate, records.RejectDuplicate} {
		if codes[code] < 3 {
			t.Errorf("%d rejects of code %s", codes[code], code)
		}
	}
	for _, code := range []string{WarnAgeDiffers, WarnDate, WarnEmail, WarnPhone, WarnWord} {
		if warnings[code] == 0 {
			t.Errorf("no warning of code %s", code)
		}
	}
	stats := got.stats
	if stats.TotalRecords != 500 || stats.BlankRows != 4 || stats.ValidRecords < 400 || len(wards) < 4 {
		t.Errorf("stats %+v, %d wards", stats, len(wards))
	}
	if stats.ValidRecords+len(got.rejects) != stats.TotalRecords ||
		stats.ValidIDs != stats.ValidRecords+stats.Duplicates ||
		stats.ValidIDs+stats.InvalidIDs != stats.TotalRecords {
		t.Errorf("stats do not add up: %+v", stats)
	}
	t.Logf("%+v, rejects %v, warnings %v", stats, codes, warnings)
}
