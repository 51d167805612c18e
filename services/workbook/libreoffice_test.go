package workbook

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program other than this one writes all forms.
func TestFilesOfLibreOffice(t *testing.T) {
	soffice, err := exec.LookPath("soffice")
	if err != nil {
		t.Fatal("soffice is missing, and this test needs it: run `go tool task office`, and see what it says")
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
