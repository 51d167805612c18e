package validation

import (
	"slices"
	"strings"
	"testing"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// A person corrects a workbook of rejected rows and uploads it as it is: its column
// of reasons must not become one of the roll's.
func TestTheColumnOfReasonsIsNotRead(t *testing.T) {
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		header, row []string
		want, cells []string
	}{
		"at the end": {[]string{"Name", "ID", schema.ReasonHeader}, []string{"A", "8001015009087", "Row 3: wrong"},
			[]string{"Name", "ID"}, []string{"A", "8001015009087"}},
		"moved, spelled otherwise": {[]string{"rollcall - what to fix", "ID"},
			[]string{"Row 3: wrong", "8001015009087"},
			[]string{"", "ID"}, []string{"", "8001015009087"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := strings.NewReader(strings.Join(test.header, ",") + "\n" + strings.Join(test.row, ",") + "\n")
			book, err := workbook.Open(t.Context(), file, file.Size(), workbook.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = book.Close() }()
			_, header, err := book.Roll(columns)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(header.Columns, test.want) {
				t.Errorf("columns %q, want %q", header.Columns, test.want)
			}
			onlyReason := textRow(3, test.row...)
			for i := range onlyReason.Cells {
				if !slices.Contains(header.Reasons, i) {
					onlyReason.Cells[i] = workbook.Cell{}
				}
			}
			got := judgeAll(t, Settings{Header: header, UploadedAt: uploadTime},
				slices.Values([]workbook.Row{textRow(2, test.row...), onlyReason}))
			if len(got.rows) != 1 || len(got.rejects) != 0 || !slices.Equal(got.rows[0].Cells, test.cells) {
				t.Errorf("rows %+v, rejects %+v, want cells %q", got.rows, got.rejects, test.cells)
			}
		})
	}
}
