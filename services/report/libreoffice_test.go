package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tealeg/xlsx/v3"
)

// A program other than the one that wrote the report must find in it what was
// written. Headless, LibreOffice writes nothing where it would ask for a repair.
func TestReportOpensInLibreOffice(t *testing.T) {
	r := newRig(t)
	job := r.runJob(t, smallRoll())
	data := r.download(t, job)

	got := convertWithLibreOffice(t, data)
	sheets := openBook(t, data).Sheets
	if len(got) != len(sheets) || len(sheets) == 0 {
		t.Errorf("LibreOffice finds %d sheets, %d were written", len(got), len(sheets))
	}
	cells := 0
	for _, s := range sheets {
		table, ok := got[s.Name]
		if !ok {
			t.Errorf("LibreOffice does not find the sheet %q", s.Name)
			continue
		}
		if len(table) != s.MaxRow {
			t.Errorf("%s has %d rows in LibreOffice, want %d", s.Name, len(table), s.MaxRow)
		}
		for y := range min(s.MaxRow, len(table)) {
			row, err := s.Row(y)
			if err != nil {
				t.Fatal(err)
			}
			for x := range max(s.MaxCol, len(table[y])) {
				got := ""
				if x < len(table[y]) {
					got = table[y][x]
				}
				if want := showCell(t, row.GetCell(x)); got != want {
					t.Errorf("%s, %s shows %q, want %q", s.Name, xlsx.GetCellIDStringFromCoords(x, y), got, want)
				} else if want != "" {
					cells++
				}
			}
		}
	}
	if cells < 200 {
		t.Errorf("only %d cells were compared", cells)
	}
}

// Each sheet of a small report is one page, none is cut into strips.
func TestAReportIsPrintedASheetAPage(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	data := r.download(t, r.runJob(t, in))
	pages := regexp.MustCompile(`/Type */Page[^s]`)
	files := runLibreOffice(t, data, "pdf", "*.pdf")
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	for name, text := range files {
		if got, want := len(pages.FindAll(text, -1)), len(openBook(t, data).Sheets); got != want {
			t.Errorf("%s has %d pages, the report %d sheets", name, got, want)
		}
	}
}

// The test above relies on this.
func TestLibreOfficeRefusesABrokenReport(t *testing.T) {
	r := newRig(t)
	data := r.download(t, r.runJob(t, smallRoll()))
	if got := convertWithLibreOffice(t, data[:len(data)/2]); len(got) > 0 {
		t.Errorf("half a report has %d sheets", len(got))
	}
}

// showCell is what a spreadsheet program shows for a cell of a report.
func showCell(t *testing.T, c *xlsx.Cell) string {
	t.Helper()
	if c.Type() != xlsx.CellTypeNumeric || c.Value == "" {
		// LibreOffice writes every line end in a cell as a line feed.
		return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(c.Value)
	}
	n, err := strconv.ParseFloat(c.Value, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := serialZero.Add(time.Duration(math.Round(n*24*60*60)) * time.Second)
	switch c.NumFmt {
	case formats[formatWhole]:
		return strconv.FormatFloat(n, 'f', 0, 64)
	case formats[formatMoney]:
		return strconv.FormatFloat(n, 'f', 2, 64)
	case formats[formatDay]:
		return at.Format(time.DateOnly)
	case formats[formatMoment]:
		return at.Format(time.DateTime)
	}
	t.Fatalf("a number has the format %q", c.NumFmt)
	return ""
}

// convertWithLibreOffice has LibreOffice read a workbook and returns what its
// sheets show, by their names; nothing where LibreOffice cannot open it.
func convertWithLibreOffice(t *testing.T, data []byte) map[string][][]string {
	t.Helper()
	// The filter's options are: comma, quote, UTF-8, from row 1, all texts quoted, cells as
	// shown, no formulas, each sheet in a file.
	const filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,true,false,false,-1"
	sheets := make(map[string][][]string)
	for name, text := range runLibreOffice(t, data, filter, "report-*.csv") {
		sheet := strings.TrimSuffix(strings.TrimPrefix(name, "report-"), ".csv")
		table := csv.NewReader(bytes.NewReader(text))
		table.FieldsPerRecord = -1
		var err error
		if sheets[sheet], err = table.ReadAll(); err != nil {
			t.Fatalf("%s: %v", sheet, err)
		}
	}
	return sheets
}

// runLibreOffice has LibreOffice convert a workbook, and returns the files that it wrote
// by their names: those that fit the pattern.
func runLibreOffice(t *testing.T, data []byte, to, pattern string) map[string][]byte {
	t.Helper()
	soffice, err := exec.LookPath("soffice")
	if err != nil {
		t.Fatal("soffice is missing, and this test needs it: run `go tool task office`, " +
			"or install LibreOffice Calc (Debian, Ubuntu: apt-get install libreoffice-calc; " +
			"macOS: brew install --cask libreoffice)")
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "report.xlsx"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// Each run needs a profile of its own: a second soffice would hand its work to
	// the first one of a profile.
	cmd := exec.CommandContext(ctx, soffice, "-env:UserInstallation=file://"+filepath.ToSlash(dir)+"/profile",
		"--headless", "--norestore", "--nologo", "--convert-to", to, "--outdir", out, file)
	// Another language would write numbers and dates otherwise.
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	var exit *exec.ExitError
	if err := cmd.Run(); ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		t.Fatalf("soffice: %v\n%s", err, said.String())
	}
	files, err := filepath.Glob(filepath.Join(out, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Logf("soffice wrote nothing and said:\n%s", said.String())
	}
	written := make(map[string][]byte)
	for _, name := range files {
		if written[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return written
}
