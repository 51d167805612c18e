package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rollcall.example/services/postgres"
)

func TestImportWards(t *testing.T) {
	t.Parallel()
	url := privateDatabase(t)
	file := filepath.Join(t.TempDir(), "wards.csv")
	load := func(text string) (string, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return runCommand(t, "import-wards", file, "--database", url)
	}
	if out, err := load("ward,sub_region\n79800001,Soweto\n"); err == nil ||
		!strings.Contains(err.Error(), "run rollcall migrate") {
		t.Errorf("without tables: %q, %v", out, err)
	}
	mustRun(t, "migrate", "--database", url)

	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct{ file, out, err, stored string }{
		{"ward,sub_region\n79800001,Soweto\n79800002.0,Sandton\n", "wards loaded: 2\n", "",
			"79800001 Soweto, 79800002 Sandton"},
		{"\ufeffWard_Code,Sub_Region\r\n79800003,Midrand\r\n", "wards loaded: 1\n", "", "79800003 Midrand"},
		{"ward,sub_region\n79800001,Soweto\n79800001,Sandton\n", "", "line 3: the ward already occurs on line 2",
			"79800003 Midrand"},
		{"ID Number,Name\n8001015009087,Nomsa\n", "", "line 1: no column is named ward or ward_code", "79800003 Midrand"},
		{"ward,sub_region\n8001015009087,Nomsa\n", "", "line 2: the ward is not a code of 8 digits", "79800003 Midrand"},
		{"ward,sub_region\n79800001,\n", "", "line 2: the sub_region is empty", "79800003 Midrand"},
		{"ward,municipality,province\n79800004,JHB - City of Johannesburg,Gauteng\n", "wards loaded: 1\n", "",
			"79800004 JHB GP"},
		{"ward,sub_region\n", "wards loaded: 0\n", "", ""},
	} {
		out, err := load(c.file)
		switch {
		case c.err == "" && err != nil, out != c.out:
			t.Errorf("%q: %q, %v", c.file, out, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || idNumbers.MatchString(err.Error())):
			t.Errorf("%q: %v", c.file, err)
		}
		var stored string
		const all = `SELECT coalesce(string_agg(concat_ws(' ', ward_code, sub_region, municipality, province), ', '
			ORDER BY ward_code), '')
			FROM ward_regions`
		if err := db.Get(&stored, all); err != nil || stored != c.stored {
			t.Errorf("%q: stored %q, %v", c.file, stored, err)
		}
	}
	if _, err := runCommand(t, "import-wards", file); err == nil || !strings.Contains(err.Error(), "--database") {
		t.Errorf("without --database: %v", err)
	}
	if _, err := runCommand(t, "import-wards", file+".none", "--database", url); err == nil {
		t.Error("no error without a file")
	}
}
