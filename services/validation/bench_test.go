package validation

import (
	"fmt"
	"testing"

	"rollcall.example/services/workbook"
)

func BenchmarkParseID(b *testing.B) {
	for name, text := range map[string]string{"valid": "8001015009087", "spaced": "800101 5009 087",
		"checksum": "8001015009086", "format": "A1234567"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseID(text, false, uploadTime)
			}
		})
	}
}

// BenchmarkJudge judges rows of 16 columns, each of a different person.
func BenchmarkJudge(b *testing.B) {
	header := []string{"id_number", "firstname", "surname", "cell_number", "email", "residential_address", "age",
		"gender", "race", "language", "province", "ward", "voting_district", "date_joined", "membership_amount", ""}
	fields := map[string]int{}
	for i, field := range header[:15] {
		fields[field] = i
	}
	// Ten thousand people with valid ID numbers.
	var ids []string
	for n := 0; len(ids) < 10_000; n++ {
		id := fmt.Sprintf("800101%04d08%d", n/10, n%10)
		if hasValidChecksum(id) {
			ids = append(ids, id)
		}
		if n == 99_999 {
			b.Fatalf("%d numbers", len(ids))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		judge, err := NewJudge(Settings{Header: workbook.Header{Row: 1, Columns: header, Fields: fields},
			UploadedAt: uploadTime})
		if err != nil {
			b.Fatal(err)
		}
		for i, id := range ids {
			row := textRow(i+2, id, "Thabo", "Mokoena", "082 123 4567", "thabo@example.org", "1 Acacia Street", "46",
				"Male", "African", "Zulu", "Gauteng", "79800001", "32840011", "2020-05-06", "R10.00", "kept")
			if valid, reject := judge.JudgeRow(row); valid == nil {
				b.Fatalf("row %d: %+v", i, reject)
			}
		}
	}
	b.ReportMetric(float64(len(ids)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
