package whatif

import (
	"maps"
	"slices"

	"rollcall.example/events/records"
	"rollcall.example/schema"
)

// Difference is how the judgements of a row differ.
type Difference struct {
	Row int `json:"row"`
	// Before and After are Accepted, or the code of the rejection.
	Before string `json:"before"`
	After  string `json:"after"`
	// Fields are the values before and after, of the fields that differ.
	Fields map[string][2]string `json:"fields,omitempty"`
	// Warnings are those that are "new" and "gone", as field and code.
	Warnings map[string][]string `json:"warnings,omitempty"`
	// SubRegion is the one that the rules give to a row whose file names none. What
	// it was is in the database only.
	SubRegion string `json:"sub_region,omitempty"`
}

// Accepted is the judgement of a row that goes on.
const Accepted = "accepted"

// judgement is what rules say of a row.
type judgement struct {
	row      int
	class    string // Accepted, or the code of the rejection
	fields   map[string]string
	warnings []string // field and code
	verdict  *records.Verdict
}

func acceptedRow(r *records.Row) judgement {
	j := judgement{row: r.N, class: Accepted, fields: r.Fields}
	for _, w := range r.Warnings {
		j.warnings = append(j.warnings, w.Field+" "+w.Code)
	}
	return j
}

// compare returns how two judgements of a row differ, and whether they do.
func compare(before, after judgement) (Difference, bool) {
	d := Difference{
		Row: before.row, Before: before.class, After: after.class,
		Fields: map[string][2]string{}, Warnings: map[string][]string{},
	}
	if before.class == Accepted && after.class == Accepted {
		for field := range maps.Keys(before.fields) {
			if before.fields[field] != after.fields[field] {
				d.Fields[field] = [2]string{before.fields[field], after.fields[field]}
			}
		}
		for field, value := range after.fields {
			if _, had := before.fields[field]; !had {
				d.Fields[field] = [2]string{"", value}
			}
		}
	}
	for _, w := range after.warnings {
		if !slices.Contains(before.warnings, w) {
			d.Warnings["new"] = append(d.Warnings["new"], w)
		}
	}
	for _, w := range before.warnings {
		if !slices.Contains(after.warnings, w) {
			d.Warnings["gone"] = append(d.Warnings["gone"], w)
		}
	}
	return d, d.Before != d.After || len(d.Fields) > 0 || len(d.Warnings) > 0
}

// subRegion returns that of the ward which the file names, or else of the IEC's, for a
// row that goes on and names no region itself; "" for none.
func subRegion(j judgement, verdict *records.Verdict, rules schema.Rules) string {
	if j.class != Accepted || j.fields["region"] != "" {
		return ""
	}
	ward := j.fields["ward"]
	if ward == "" && verdict != nil {
		ward = verdict.Ward
	}
	return rules.WardRegions[ward]
}
