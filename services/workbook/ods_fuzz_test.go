package workbook

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"rollcall.example/services/workbook/ods/odstest"
)

// FuzzODS changes the part that has the sheets. Whatever it holds, the sheets read the
// same in whatever order, or are refused.
func FuzzODS(f *testing.F) {
	f.Add(odstest.Table("Roll", odstest.Row(odstest.Cell("ID "+
		"Number")+odstest.Cell("Name"))+odstest.Row(odstest.Cell("8001015009087"))) +
		odstest.Table("b", ""))
	f.Add(odstest.Table("a", `<table:table-header-rows><table:table-row table:number-rows-repeated="3" `+
		`table:visibility="filter">`+
		`<table:table-cell table:number-columns-repeated="2" office:value-type="date" `+
		`office:date-value="2026-08-29T01:02:03.5"/>`+
		`</table:table-row></table:table-header-rows>`))
	f.Add(`<table:table><table:table-row><table:table-cell office:value-type="time" office:time-value="PT1H"><text:p>a` +
		`<text:s text:c="2"/><text:span>b</text:span></text:p><text:p/></table:table-cell></table:table-row></table:table>`)
	f.Fuzz(func(t *testing.T, tables string) {
		data := []byte(odstest.Flat("", tables)) // no time to pack it
		read := func(backwards bool) map[string]string {
			file, err := Open(t.Context(), bytes.NewReader(data), int64(len(data)), Budget{Cells: 100_000})
			if err != nil {
				return nil
			}
			defer file.Close()
			got := map[string]string{}
			for i := range file.Sheets {
				if backwards {
					i = len(file.Sheets) - 1 - i
				}
				var b strings.Builder
				for row, err := range file.Sheets[i].Rows() {
					if err != nil {
						return nil
					}
					if row.N < 1 || row.N > maxRows || len(row.Cells) < 1 || len(row.Cells) > maxColumns {
						t.Fatalf("row %d of %d cells", row.N, len(row.Cells))
					}
					fmt.Fprintf(&b, "%d %+v\n", row.N, row.Cells)
				}
				got[fmt.Sprint(i)] = b.String()
			}
			return got
		}
		if there, back := read(false), read(true); !maps.Equal(there, back) {
			t.Errorf("%q\n%q", there, back)
		}
	})
}
