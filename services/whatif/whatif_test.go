package whatif

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

func TestRulesAsJSONAndAsYAMLAreTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	read := func(name, text string) (schema.Rules, error) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return ReadRules(file)
	}
	want, err := read("rules.json", `{
	"vocabularies": {"gender": {"Male": ["bloke", "no"], "Female": []}}, "aliases": {"id_number": ["Ref"]},
	"youngest": 18, "oldest": 90, "ward_target": 150, "ward_regions": {"79800001": "Soweto"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rules.yaml", "rules.yml"} {
		got, err := read(name, `# what the branches ask for
vocabularies:
  gender:
    Male: [bloke, no]
    Female: []
aliases: {id_number: [Ref]}
youngest: 18
oldest: 90
ward_target: 150
ward_regions:
  79800001: Soweto # a code is a text, also without quotes
`)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v; %v", name, got, want, err)
		}
	}
	for _, bad := range []string{``, `[]`, `other: 1`, `oldest: -1`, `oldest: many`, "oldest: 30\n---\noldest: 40",
		`vocabularies: {shoes: {}}`, `ward_regions: {7980: Soweto}`,
		"oldest: 30\noldest: 40", "a: &a [*a]", `oldest: 30.5`} {
		if rules, err := read("bad.yaml", bad); err == nil {
			t.Errorf("%q: %+v", bad, rules)
		}
	}
}

// The ward is that of the file, else the IEC's.
func TestSubRegionOfTheWard(t *testing.T) {
	verdict := &records.Verdict{Ward: "79800001"}
	given := schema.Rules{WardRegions: map[string]string{"79800001": "Soweto"}}
	for ward, want := range map[string]string{"": "Soweto", "79800002": ""} {
		if got := subRegion(judgement{class: Accepted, fields: map[string]string{"ward": ward}}, verdict,
			given); got != want {
			t.Errorf("the file's ward is %q, the IEC's %s: %q", ward, verdict.Ward, got)
		}
	}
}

func yieldAll[T any](err error, list ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func TestMergeKeepsTheOrderOfRows(t *testing.T) {
	rows := []*records.Row{{N: 3}, {N: 5}}
	rejects := []*records.RejectedRow{{N: 2}, {N: 4}, {N: 6}, {N: 7}}
	for _, verdicts := range [][]*records.Verdict{nil, {{N: 3}, {N: 5}}} {
		var got []int
		for j, err := range merge(yieldAll(nil, rows...), yieldAll(nil, rejects...), yieldAll(nil, verdicts...)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, j.row)
			if has := j.verdict != nil; has != (verdicts != nil && j.class == Accepted) || has && j.verdict.N != j.row {
				t.Errorf("row %d has verdict %+v", j.row, j.verdict)
			}
		}
		if !slices.Equal(got, []int{2, 3, 4, 5, 6, 7}) {
			t.Errorf("rows %v", got)
		}
	}
}

func TestMergeEndsWithTheFirstError(t *testing.T) {
	bad := errors.New("cannot be read")
	rows, rejects := []*records.Row{{N: 3}}, []*records.RejectedRow{{N: 2}}
	for name, all := range map[string]iter.Seq2[judgement, error]{
		"rows":     merge(yieldAll(bad, rows...), yieldAll(nil, rejects...), yieldAll[*records.Verdict](nil)),
		"rejects":  merge(yieldAll(nil, rows...), yieldAll(bad, rejects...), yieldAll[*records.Verdict](nil)),
		"verdicts": merge(yieldAll(nil, rows...), yieldAll(nil, rejects...), yieldAll[*records.Verdict](bad)),
	} {
		var last error
		after := 0
		for _, err := range all {
			if last != nil {
				after++
			}
			last = err
		}
		if !errors.Is(last, bad) || after > 0 {
			t.Errorf("%s: ended with %v, %d more", name, last, after)
		}
	}
}
