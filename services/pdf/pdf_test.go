package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rollcall.example/events"
)

var noon = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// pages returns what a reader of PDF finds on each page, and keeps the file if somebody
// wants to look at it.
func pages(t *testing.T, name string, file []byte) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if dir := os.Getenv("ROLLCALL_SCREENSHOTS"); dir != "" {
		path = filepath.Join(dir, name)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Fatal("pdftotext is missing: go tool task libreoffice installs it")
	}
	text, err := exec.CommandContext(t.Context(), tool, "-layout", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.ReplaceAll(strings.TrimSuffix(string(text), "\f"), "\u00a0", " "), "\f")
}

func people(n int) iter.Seq2[Attendee, error] {
	return func(yield func(Attendee, error) bool) {
		for i := range n {
			name := fmt.Sprintf("Mokoena, Thabo %d", i+1)
			if i == 0 {
				name = "Ṱhoḓa-Nthûseñg, Ḽufuno Ṋeṱshiṱungulu Šimůnek"
			}
			if i == 1 {
				name = strings.Repeat("A very long name ", 20)
			}
			if !yield(Attendee{name, "800101*****87", "32840123"}, nil) {
				return
			}
		}
	}
}

func TestARegisterHasEachMemberOnALineOfItsOwn(t *testing.T) {
	r := Register{Ward: "79800001", SubRegion: "Soweto", Municipality: "JHB", Province: "GP", Registered: 200, Target: 200,
		At: noon}
	var file, again bytes.Buffer
	if err := r.Write(&file, people(200)); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&again, people(200)); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
		t.Errorf("the same register has other bytes, %v", err)
	}
	got := pages(t, "register.pdf", file.Bytes())
	for i, page := range got {
		if want := fmt.Sprintf("Page %d of %d", i+1, len(got)); !strings.Contains(page, want) {
			t.Errorf("page %d does not say %q", i+1, want)
		}
		for _, want := range []string{"Name", "ID number", "VD", "Signature"} {
			if !strings.Contains(page, want) {
				t.Errorf("page %d lacks %s", i+1, want)
			}
		}
	}
	all := strings.Join(got, "")
	if n := strings.Count(all, "800101*****87"); n != 200 || len(got) < 7 || len(got) > 10 {
		t.Errorf("%d members on %d pages", n, len(got))
	}
	for _, want := range []string{"Ward 79800001, Soweto, JHB, GP", "Ṱhoḓa-Nthûseñg, Ḽufuno Ṋeṱsh", "Mokoena, Thabo 200",
		"A very long name A very"} {
		if !strings.Contains(all, want) {
			t.Errorf("no page has %q", want)
		}
	}
}

func TestAnErrorWritesNoRegister(t *testing.T) {
	var file bytes.Buffer
	err := Register{Ward: "79800001", At: noon}.Write(&file, func(yield func(Attendee, error) bool) {
		yield(Attendee{}, errors.New("gone"))
	})
	if err == nil || file.Len() > 0 {
		t.Errorf("%v, %d bytes", err, file.Len())
	}
}

// The largest register that anybody gets takes few megabytes.
func TestARegisterIsBoundedInMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var file bytes.Buffer
	if err := (Register{Ward: "79800001", At: noon}).Write(&file, people(MaxAttendees)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if held := (after.HeapSys - before.HeapSys) >> 20; held > 128 {
		t.Errorf("it took %d MiB", held)
	}
	t.Logf("%d KiB of PDF, %d MiB more of heap", file.Len()>>10, (after.HeapSys-before.HeapSys)>>20)
}

func TestASummaryHasTwoPages(t *testing.T) {
	job := &events.Job{ID: "job-019a0b3c-5f1e-7c3a-9d55-0242ac120002", FileName: "Roll März.xlsx", CreatedAt: noon,
		Owner: events.User{ID: "alice"}, Options: events.Options{DryRun: true, SkipIEC: true, Mode: events.ModeCreate}}
	job.Verified = &events.Verified{Stats: events.IECStats{Registered: 1234, Deceased: 5, NotRegistered: 77, Total: 1316}}
	job.Persisted = &events.Persisted{}
	job.Reported = &events.Reported{Validation: events.ValidationStats{TotalRecords: 12345},
		Database: events.DatabaseStats{Inserts: 1200, Transfers: 3}}
	job.Reported.At = noon
	var wards []WardCount
	for n := range 40 {
		wards = append(wards, WardCount{fmt.Sprintf("798%05d", n), 10 * n})
	}
	var file bytes.Buffer
	if err := WriteSummary(&file, job, wards, 200); err != nil {
		t.Fatal(err)
	}
	got := pages(t, "summary.pdf", file.Bytes())
	if len(got) != 2 {
		t.Fatalf("%d pages", len(got))
	}
	for i, list := range [][]string{
		{"Roll März.xlsx", "12 345", "alice", "Dry run", "Wards with at least 200 registered members", "20", "Page 1 of 2"},
		{"What the IEC answered", "1 234", "15 largest wards", "79800039", "390", "Page 2 of 2"},
	} {
		for _, want := range list {
			if !strings.Contains(got[i], want) {
				t.Errorf("page %d lacks %q:\n%s", i+1, want, got[i])
			}
		}
	}
	if err := WriteSummary(&file, &events.Job{}, nil, 1); err == nil {
		t.Error("a job without a report has a summary")
	}
}
