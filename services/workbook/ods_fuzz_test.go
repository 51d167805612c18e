package workbook

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
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

// A program other than this one writes all forms.
func TestFilesOfLibreOffice(t *testing.T) {
	soffice, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("soffice is missing: run `go tool task office`")
	}
	book := buildTealegBook(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "book.xlsx"), book, 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) (all []string) {
		t.Helper()
		file, err := openBytes(data)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for _, sheet := range file.Sheets {
			for row, err := range sheet.Rows() {
				if err != nil {
					t.Fatal(err)
				}
				for i, cell := range row.Cells {
					if !cell.Blank() {
						shown := fmt.Sprintf("%s!%d,%d=%d %s", sheet.Name, row.N, i, cell.Kind, cell.Text)
						// LibreOffice makes numbers of truth values that have no format of their own.
						all = append(all, strings.NewReplacer("=0 TRUE", "=1 1", "=0 FALSE", "=1 0").Replace(shown))
					}
				}
			}
		}
		return all
	}
	want := read(book)
	for _, kind := range []string{"ods", "fods", "xls"} {
		cmd := exec.CommandContext(t.Context(), soffice, "-env:UserInstallation=file://"+filepath.ToSlash(dir)+"/profile",
			"--headless", "--norestore", "--nologo", "--convert-to", kind, "--outdir", dir, filepath.Join(dir, "book.xlsx"))
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		data, err := os.ReadFile(filepath.Join(dir, "book."+kind))
		if err != nil {
			t.Fatal(err)
		}
		got := read(data)
		different := 0
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				if different++; different < 10 {
					t.Errorf("%s: %q, want %q", kind, got[min(i, len(got)-1)], want[i])
				}
			}
		}
		if len(got) != len(want) || len(want) < 100 {
			t.Errorf("%s: %d cells, want %d", kind, len(got), len(want))
		}
	}
}
