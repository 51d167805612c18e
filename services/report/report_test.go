package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestReport(t *testing.T) {
	r := newRig(t)
	job := r.runJob(t, smallRoll())
	data := r.download(t, job)

	t.Run("the fact has the totals of the whole job", func(t *testing.T) {
		want := smallRoll().stats
		want.Registered, want.NotRegistered, want.Deceased, want.International, want.Unverified = 5, 1, 1, 1, 1
		want.ExistingMembers, want.NewMembers = 3, 5
		got := job.Reported
		if got.Validation != want || got.Database != smallRoll().db {
			t.Errorf("got %+v, %+v", got.Validation, got.Database)
		}
		if want := r.now.Sub(job.CreatedAt).Milliseconds(); got.DurationMS != want {
			t.Errorf("took %d ms, want %d", got.DurationMS, want)
		}
		if a := got.Report; a.Bucket != events.BucketReports || !strings.HasPrefix(a.Name, job.ID+"/report.") ||
			!strings.HasSuffix(a.Name, ".xlsx") {
			t.Errorf("stored as %s in %s", a.Name, a.Bucket)
		}
	})
	t.Run("each sheet is what the golden file says", func(t *testing.T) {
		compareGolden(t, "small.golden", dumpBook(t, data, job))
	})
	t.Run("the same artifacts give the same bytes", func(t *testing.T) {
		sum := sha256.Sum256(r.rebuild(t, job))
		if got := hex.EncodeToString(sum[:]); got != job.Reported.Report.SHA256 {
			t.Errorf("second run gave %s, first %s", got, job.Reported.Report.SHA256)
		}
	})
	t.Run("no cell is a formula", func(t *testing.T) { checkNoFormula(t, data) })
	t.Run("progress stays within the band", func(t *testing.T) {
		p, ok, err := r.log.Progress(t.Context(), job.ID)
		if err != nil || !ok || p.Step != events.ReportGeneration || p.Percent < 85 || p.Percent > 99 || p.Total != 14 {
			t.Errorf("got %+v, %v, %v", p, ok, err)
		}
	})
}

func TestReportOfNobody(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	in.rows, in.rejects, in.verdicts, in.outcomes = nil, nil, nil, nil
	in.stats, in.iec, in.db = events.ValidationStats{}, events.IECStats{}, events.DatabaseStats{}
	job := r.runJob(t, in)
	compareGolden(t, "nobody.golden", dumpBook(t, r.download(t, job), job))
}

func TestReportOfDryRunWithoutIEC(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	in.options = events.Options{DryRun: true, SkipIEC: true}
	in.db.DryRun = true
	for i := range in.verdicts {
		in.verdicts[i] = records.Verdict{N: in.verdicts[i].N, Status: records.Unverified, Reason: "disabled"}
		in.outcomes[i].VD = ""
	}
	in.iec = events.IECStats{Total: 9, Unverified: 9}
	job := r.runJob(t, in)
	compareGolden(t, "dryrun.golden", dumpBook(t, r.download(t, job), job))
}

func TestArtifactsThatDoNotMatchFailTheJob(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	in.verdicts = in.verdicts[1:]
	job := r.runJob(t, in)
	if job.Failed == nil || job.Failed.Code != "artifact_mismatch" || job.Failed.Retryable || job.Failed.Message == "" {
		t.Fatalf("got %+v", job.Failed)
	}
}

func TestWriteStopsWithItsContext(t *testing.T) {
	r := newRig(t)
	job := r.runJob(t, smallRoll())
	a, err := openArtifacts(t.Context(), r.store, &job, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	err = r.stage.compose(ctx, &job, a, &out, func(int, int) { cancel() })
	if !errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, out.Len())
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s:%d differs; got\n%s", file, i+1, strings.Join(g[min(i, len(g)):min(i+3, len(g))], "\n"))
		}
	}
}

// dumpBook returns a workbook as text: a line for each row with its fill, texts
// quoted, numbers with their format. Names stand for what differs from run to run.
func dumpBook(t *testing.T, data []byte, job events.Job) string {
	t.Helper()
	// By the text of the cell before them.
	names := map[string][2]string{
		"Job":             {job.ID, "<job>"},
		"Started (SAST)":  {timeCell(job.CreatedAt).value, "<started>"},
		"Finished (SAST)": {timeCell(job.Persisted.At).value, "<finished>"},
	}
	var b strings.Builder
	for _, s := range openBook(t, data).Sheets {
		fmt.Fprintf(&b, "== %s", s.Name)
		if len(s.SheetViews) > 0 && s.SheetViews[0].Pane != nil {
			p := s.SheetViews[0].Pane
			fmt.Fprintf(&b, ", %s above %s", p.State, p.TopLeftCell)
		}
		if s.AutoFilter != nil {
			fmt.Fprintf(&b, ", filter %s:%s", s.AutoFilter.TopLeftCell, s.AutoFilter.BottomRightCell)
		}
		b.WriteString("\n")
		for n := range s.MaxRow {
			row, err := s.Row(n)
			if err != nil {
				t.Fatal(err)
			}
			dumpRow(t, &b, row, n, names)
		}
	}
	return b.String()
}

func dumpRow(t *testing.T, b *strings.Builder, row *xlsx.Row, n int, names map[string][2]string) {
	fill, before := "none", ""
	var cells []string
	err := row.ForEachCell(func(c *xlsx.Cell) error {
		x, _ := c.GetCoordinates()
		for len(cells) < x {
			cells = append(cells, `""`) // not written
		}
		if x == 0 {
			style := c.GetStyle()
			fill = style.Fill.FgColor
			if style.Font.Bold {
				fill += " bold " + style.Font.Color
			}
		} else if got := c.GetStyle().Fill.FgColor; !strings.HasPrefix(fill, got) {
			t.Errorf("row %d is filled with %s and %s", n+1, fill, got)
		}
		value := c.Value
		if name := names[before]; name[0] == value && value != "" {
			value = name[1]
		}
		before = c.Value
		switch {
		case c.Type() == xlsx.CellTypeNumeric && value != "":
			value += " {" + c.NumFmt + "}"
		default:
			value = strconv.Quote(value)
			if c.NumFmt != formats[formatText] || c.Value != "" && c.Type() != xlsx.CellTypeString {
				t.Errorf("text in row %d has the format %q", n+1, c.NumFmt)
			}
		}
		cells = append(cells, value)
		return nil
	}, xlsx.SkipEmptyCells)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "%d [%s] %s\n", n+1, fill, strings.Join(cells, " | "))
}
