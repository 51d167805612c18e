package upload_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"rollcall.example/events"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/workbook/ods/odstest"
	"rollcall.example/services/workbook/xls/xlstest"
)

func TestAnUploadBecomesAJob(t *testing.T) {
	r := newRig(t)
	file := apitest.Workbook(t, []string{"Title"}, []string{"ID No", "Name"}, []string{"8001015009087", "A"})
	// Fields may stand before and behind the file.
	a := r.SendForm("alice member", "iec_verification", "false", "file", file, "dry_run", "true")
	if a.Status != http.StatusAccepted || a.Data["status"] != "pending" || a.Data["file_name"] != "Roll März.xlsx" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if job.Owner != (events.User{ID: "alice", Role: "member"}) || !job.Options.SkipIEC || !job.Options.DryRun ||
		job.Uploaded.File.Size != int64(len(file)) || job.Next() != events.StageValidation {
		t.Fatalf("job %+v", job)
	}
	if h := r.Get("alice member", "/history"); len(h.Data["jobs"].([]any)) != 1 {
		t.Fatalf("not listed at once: %s", h.Raw)
	}
	if strings.Contains(r.Logs.String(), "Roll") {
		t.Error("the file's name is in the log")
	}
}

// Branches send what they have: the content says what it is, not its name.
func TestWorkbooksOfOtherProgramsBecomeJobs(t *testing.T) {
	r := newRig(t)
	rows := [][]string{{"Title"}, {"ID No", "Name"}, {"8001015009087", "A"}}
	for name, file := range map[string]string{
		"an old workbook":             string(xlstest.Roll(rows...)),
		"an OpenDocument spreadsheet": string(odstest.Roll(rows...)),
		"one that is not packed":      odstest.Flat("", odstest.Table("Roll", odstest.Rows(rows...))),
	} {
		a := r.SendForm("alice member", "file", file)
		if a.Status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", name, a.Status, a.Raw)
		}
		job, err := r.Log.Load(t.Context(), a.Data["job_id"].(string))
		if err != nil || job.Uploaded.File.Size != int64(len(file)) {
			t.Fatalf("%s: job %+v, error %v", name, job, err)
		}
	}
}

func TestBadInputLeavesNothingBehind(t *testing.T) {
	r := newRig(t)
	good := apitest.Roll(t)
	container := func(name string) string {
		return string(xlstest.Container(xlstest.Stream{Name: name, Data: make([]byte, 5000)}))
	}
	archive := "PK\x05\x06" + strings.Repeat("\x00", 18)
	nameless := apitest.Workbook(t, []string{"Name", "Age"}, []string{"A", "7"})
	for _, tt := range []struct {
		name, who string
		parts     []string
		status    int
		code      string
	}{
		{"no token", "", []string{"file", good}, 401, "unauthenticated"},
		{"no file part", "alice member", []string{"other", "x"}, 400, "no_file"},
		{"two files", "alice member", []string{"file", good, "file", good}, 400, "bad_request"},
		{"empty file", "alice member", []string{"file", ""}, 400, "empty_file"},
		{"a page", "alice member", []string{"file", "<html><table><tr><td>id</td></tr></table>"}, 415, "not_a_zip"},
		{"a CSV without an ID column", "alice member", []string{"file", "name,age\nA,7"}, 422, "no_id_column"},
		{"a password", "alice member", []string{"file", container("EncryptedPackage")}, 415, "encrypted_workbook"},
		{"a Word document", "alice member", []string{"file", container("WordDocument")}, 415, "not_a_workbook"},
		{"a broken .xls", "alice member", []string{"file", container("Workbook")}, 422, "unreadable_workbook"},
		{"an .xls of Excel 4", "alice member", []string{"file", "\x09\x04\x06\x00\x00\x00\x00\x01\x00\x00\x0A\x00\x00\x00"},
			415, "xls_not_supported"},
		{"a zip that is no workbook", "alice member", []string{"file", archive}, 415, "not_a_workbook"},
		{"a cut workbook", "alice member", []string{"file", good[:len(good)/2]}, 415, "not_a_zip"},
		{"no ID column", "alice member", []string{"file", nameless}, 422, "no_id_column"},
		{"no rows", "alice member", []string{"file", apitest.Workbook(t, []string{"ID Number", "Name"})}, 422, "no_rows"},
		{"too large", "alice member", []string{"file", strings.Repeat("x", 1<<20+1)}, 413, "file_too_large"},
		{"much too large", "alice member", []string{"file", strings.Repeat("x", 3<<20)}, 413, "file_too_large"},
		{"field too long", "alice member", []string{"note", strings.Repeat("x", 2000), "file", good}, 400, "bad_request"},
		{"option that is neither", "alice member", []string{"dry_run", "perhaps", "file", good}, 400, "bad_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := r.SendForm(tt.who, tt.parts...)
			if a.Status != tt.status || a.Error.Code != tt.code {
				t.Fatalf("%d %s", a.Status, a.Raw)
			}
		})
	}
	for name, contentType := range map[string]string{"no form": "application/json", "no boundary": "multipart/form-data"} {
		if a := r.Do("alice member", http.MethodPost, "/process", strings.NewReader("{}"), contentType); a.Status != 400 ||
			a.Error.Code != "bad_request" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	cut := strings.NewReader("--b\r\ncut")
	if a := r.Do("alice member", http.MethodPost, "/process", cut, "multipart/form-data; boundary=b"); a.Status != 400 {
		t.Errorf("cut form: %d %s", a.Status, a.Raw)
	}
	if !r.Empty() {
		t.Fatal("something was left behind")
	}
}

func TestConcurrentUploads(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() { ids[i] = r.Upload("alice member") })
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	if h := r.Get("alice member", "/history"); len(seen) != 8 || h.Data["total"] != 8.0 {
		t.Fatalf("%d jobs, %s", len(seen), h.Raw)
	}
}
