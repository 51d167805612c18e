package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rollcall.example/services/validation/inspect"
)

// It needs no server: runCommand gives it none.
func TestInspect(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "roll.csv")
	if err := os.WriteFile(file, []byte("Identity No.;Surname;Shoe\n8001015009087;Khu\tmalo;7\n8001015009086;Nel;8\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	said := mustRun(t, "inspect", file)
	for _, want := range []string{
		`roll.csv: csv, `, `utf-8, delimiter ";"`, "Row 1 names the column of the ID numbers",
		"800101*****87, 800101*****86", "id_number", "Khu malo, Nel", "Unknown: the header means none",
		"2 rows: 1 with a valid ID number, 1 with an invalid one, 0 that repeat one", "rejected, checksum",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if strings.Contains(said, "8001015009087") {
		t.Error("an ID number is shown")
	}
	if t.Failed() {
		t.Log(said)
	}
	var report inspect.Report
	if err := json.Unmarshal([]byte(mustRun(t, "inspect", "--json", file)), &report); err != nil ||
		report.FileName != "roll.csv" || len(report.Columns) != 3 || report.Columns[2].Field != nil ||
		report.Counts.ValidIDs != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	said = mustRun(t, "inspect", "--map", "Shoe=age", "--map", "Surname=-", file)
	if !strings.Contains(said, "as the mapping says") || !strings.Contains(said, "eft out") {
		t.Errorf("the mapping is not told:\n%s", said)
	}
	if _, err := runCommand(t, "inspect", "--map", "None=ward", file); err == nil ||
		!strings.Contains(explain(err), "None") {
		t.Errorf("a header that is not there: %v", err)
	}
	rows := mustRun(t, "inspect", "--rows", file)
	if want := `{"sheet":"","row":3,"cells":["8001015009086","Nel","8"]}` + "\n"; strings.Count(rows, "\n") != 3 ||
		!strings.HasSuffix(rows, want) {
		t.Errorf("rows\n%s", rows)
	}
}

func TestInspectSaysWhyAFileIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "roll.xlsx")
	for content, want := range map[string]string{
		"":                        "The file is empty",
		"<html><body>":            "is a web page",
		"\xd0\xcf\x11\xe0 and so": ".xls",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"--json", "--rows", ""} {
			args := append([]string{"inspect", file}, strings.Fields(how)...)
			if out, err := runCommand(t, args...); err == nil || !strings.Contains(explain(err), want) || out != "" {
				t.Errorf("%q %s: %v %s", content, how, err, out)
			}
		}
	}
	// Without an ID column a file can be read all the same.
	if err := os.WriteFile(file, []byte("Surname,Ward\nNel,79800001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := mustRun(t, "inspect", file); !strings.Contains(said, "An upload would be refused: No sheet has a column") {
		t.Error(said)
	}
	if _, err := runCommand(t, "inspect", "--all-sheets", file); err == nil {
		t.Error("--all-sheets is taken without --rows")
	}
}
