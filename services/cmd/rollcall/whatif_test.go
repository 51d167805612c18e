package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// whatIf runs the command with rules and returns what it prints.
func (r *goldenRig) whatIf(id, rules string, more ...string) (string, error) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "rules.json")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		r.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	err := run(r.t.Context(), append([]string{"whatif", id, "--rules", file, "--nats", r.nats["NATS_URL"]}, more...),
		&out, &errs,
		func(name string) string { return r.nats[name] })
	return out.String(), err
}

func TestWhatIf(t *testing.T) {
	t.Parallel()
	r := newGoldenRig(t)
	job := r.run(r.csv("ID Number,Firstname,Gender,Shoe\n" +
		"8001015009087,A,bloke,42\n" + // a word that is not known
		"8501015009088,B,Male,43\n" + // wrong check digit
		"8001015009087,C,Male,44\n")) // again
	before := r.count("job_outcomes")

	said, err := r.whatIf(job.ID, `{}`)
	if err != nil || !strings.HasPrefix(said, "0 rows would differ\n") {
		t.Fatalf("the same rules: %v\n%s", err, said)
	}
	said, err = r.whatIf(job.ID,
		`{"vocabularies": {"gender": {"Male": ["bloke"], "Female": []}}, "oldest": 30, "ward_target": 1}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`row 2: gender "bloke" would be "Male"` +
			"\n", "row 2: would not be warned about: gender ", "row 2: would be warned about: id_number ",
		"1 rows would differ\n", "accepted 1, would be 1; warnings 1, would be 1\n", "would reach 1 registered",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said:\n%s", want, said)
		}
	}
	// Of two columns for the ID number, the one that holds ID numbers is used.
	said, err = r.whatIf(job.ID, `{"aliases": {"id_number": ["Shoe"]}}`)
	if err != nil || !strings.HasPrefix(said, "0 rows would differ\n") {
		t.Errorf("two columns for one field: %v\n%s", err, said)
	}
	if said, err = r.whatIf(job.ID, `{"oldest": 30}`, "--json"); err != nil || !strings.Contains(said, `"row":2`) ||
		!strings.Contains(said, `"rows_that_differ":1`) {
		t.Errorf("%v\n%s", err, said)
	}
	for _, bad := range []string{``, `[]`, `{"vocabularies": {"shoes": {}}}`, `{"aliases": {"shoes": []}}`,
		`{"oldest": -1}`, `{"other": 1}`, `{} {"oldest": 30}`,
		`{"ward_regions": {"7980": "Soweto"}}`, `{"ward_regions": {"79800001": " "}}`} {
		if said, err := r.whatIf(job.ID, bad); err == nil {
			t.Errorf("%s: %s", bad, said)
		}
	}
	if after := r.count("job_outcomes"); after != before {
		t.Errorf("%d outcomes, %d before", after, before)
	}
}

// A row that names a region keeps it.
func TestWhatIfWithOtherSubRegions(t *testing.T) {
	r := newGoldenRig(t)
	job := r.run(r.csv("ID Number,Ward,Region\n" +
		"8001015009087,79800001,\n" +
		"9001010001088,79800001,North\n" +
		"8506155000084,79800002,\n" +
		"8001015009086,79800001,\n")) // wrong check digit
	rules := `{"ward_regions": {"79800001": "Soweto"}}`
	said, err := r.whatIf(job.ID, rules)
	if err != nil || strings.Count(said, "its sub-region would be") != 1 ||
		!strings.Contains(said, `row 2: its sub-region would be "Soweto"`+"\n") ||
		!strings.Contains(said, "0 rows would differ\n") ||
		!strings.Contains(said, "1 rows would have the sub-region of their ward\n") {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err = r.whatIf(job.ID, rules, "--json"); err != nil || !strings.Contains(said, `"sub_region":"Soweto"`) ||
		!strings.Contains(said, `"rows_with_sub_region":1`) {
		t.Errorf("%v\n%s", err, said)
	}
}
