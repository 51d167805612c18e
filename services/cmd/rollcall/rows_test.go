package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rollcall.example/events"
)

// rows runs the command for a job.
func (r *goldenRig) rows(job events.Job, flags ...string) string {
	r.t.Helper()
	return mustRun(r.t, append([]string{"rows", job.ID, "--server", r.up.url(), "--token", r.token}, flags...)...)
}

// The list of rows agrees with the counts of the job, in each form, read from what the
// report stage has stored.
func TestTheListOfRowsAgreesWithTheJob(t *testing.T) {
	t.Parallel()
	r := newGoldenRig(t)
	job := r.run(r.file("hostile.xlsx"))
	stats := job.Reported.Validation
	if job.Reported.Index == nil {
		t.Fatal("no index is stored")
	}
	lines := strings.Split(strings.TrimSpace(r.rows(job)), "\n")
	if len(lines) != 1+stats.TotalRecords || !strings.Contains(lines[0], "ID NUMBER") {
		t.Errorf("%d lines, %q", len(lines), lines[0])
	}
	for status, want := range map[string]int{
		"valid": stats.ValidRecords, "invalid": stats.InvalidIDs, "duplicate": stats.Duplicates,
		"inserted": job.Persisted.Stats.Inserts, "refused": job.Persisted.Stats.Errors,
	} {
		text := r.rows(job, "--json", "--status", status)
		if got := strings.Count(text, "\n"); got != want || want == 0 && status != "refused" {
			t.Errorf("%s: %d rows, want %d", status, got, want)
		}
	}
	list, err := csv.NewReader(strings.NewReader(r.rows(job, "--csv", "--limit", "5"))).ReadAll()
	if err != nil || len(list) != 6 || list[0][0] != "row" {
		t.Errorf("%q, %v", list, err)
	}
	_, err = runCommand(t, "rows", job.ID, "--search", "8001015009087", "--server", r.up.url(), "--token", r.token)
	if err == nil || !strings.Contains(err.Error(), "last digits") {
		t.Errorf("a whole ID number: %v", err)
	}
	file := filepath.Join(t.TempDir(), "sheet.csv")
	mustRun(t, "report", job.ID, "--csv", "invalid_ids", "--file", file, "--server", r.up.url(), "--token", r.token)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(sheet) != 1+stats.InvalidIDs || !slices.Contains(sheet[0], "Offending Cell") {
		t.Errorf("%d rows of %d, %v: %q", len(sheet), stats.InvalidIDs, err, sheet[0])
	}
}

// fetchAs is fetch with a media type.
func (p *pipeline) fetchAs(accept, path string) string {
	p.t.Helper()
	return p.fetch(path, "Accept", accept)
}

// rowLists are where the rows of a job can be read.
func rowLists(p *pipeline, job string) map[string]string {
	seen := map[string]string{}
	path := "/jobs/" + job + "/rows"
	for _, query := range []string{"", "?status=deceased,not_registered,registered,different_ward,unverified"} {
		seen[path+query] = p.fetch(path + query)
	}
	seen["csv "+path] = p.fetchAs("text/csv", path)
	seen["ndjson "+path] = p.fetchAs("application/x-ndjson", path)
	for _, part := range []string{"summary", "all_uploaded_rows", "waiting", "rejects"} {
		at := "/report/" + job + "?format=csv&part=" + part
		seen[at] = p.fetch(at)
	}
	return seen
}
