package inspect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"rollcall.example/services/workbook"
	"rollcall.example/services/workbook/xlsxtest"
)

func TestRowsOutOfOrderAreShownInTheirOrder(t *testing.T) {
	data := xlsxtest.Disordered(t, 300)
	report := lookAt(t, data)
	if report.Counts.TotalRecords != 300 || report.Sheets[0].Rows != 301 || report.Refusal != nil {
		t.Errorf("%+v", report)
	}
	if w := report.FileWarnings; len(w) != 1 || w[0].Code != "rows_reordered" {
		t.Errorf("warnings %+v", w)
	}
	var out bytes.Buffer
	if err := WriteRows(t.Context(), &out, bytes.NewReader(data), int64(len(data)), workbook.Budget{}, false); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !strings.Contains(line, fmt.Sprintf(`"row":%d`, i+1)) {
			t.Fatalf("line %d is %s", i+1, line)
		}
	}
}
