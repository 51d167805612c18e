package persistence

import (
	"fmt"
	"time"

	"rollcall.example/events/records"
)

// mergeRule says which value a member has after a row is merged.
type mergeRule int

const (
	// fileWins takes the file's value, unless its cell is blank.
	fileWins mergeRule = iota
	// guessYields is fileWins, but that a part guessed from a full name replaces no
	// stored value that somebody may have given: only one that the stored full name has
	// and the new one has not, or that is the whole new one.
	guessYields
	// storedWins keeps the stored value, unless there is none.
	storedWins
	// verdictWins takes the IEC's value, even an empty one, unless the row is unverified.
	verdictWins
	// verdictTime keeps the time of the first verdict until the verdict changes.
	verdictTime
)

// column is a column of the table members that a row can change.
type column struct {
	name string
	rule mergeRule
	// typ is the column's SQL type, "" for text.
	typ string
	// field is the canonical name of the roll's column, for all rules but the verdict's.
	field string
	// verdict returns the value of a verified row, for verdictWins and verdictTime; "" is NULL.
	verdict func(p person) string
}

// columns lists all that a row can change of a member. The ID number is the key.
var columns = []column{
	{name: "title", field: "title"},
	{name: "firstname", field: "firstname", rule: guessYields},
	{name: "surname", field: "surname", rule: guessYields},
	{name: "full_name", field: "full_name"},
	{name: "date_of_birth", field: "date_of_birth", typ: "date"},
	{name: "cell_number", field: "cell_number"},
	{name: "landline_number", field: "landline_number"},
	{name: "email", field: "email"},
	{name: "residential_address", field: "residential_address"},
	{name: "age", field: "age", typ: "smallint"},
	{name: "gender", field: "gender"},
	{name: "race", field: "race"},
	{name: "citizenship", field: "citizenship"},
	{name: "language", field: "language"},
	{name: "occupation", field: "occupation"},
	{name: "qualification", field: "qualification"},
	{name: "province", field: "province"},
	{name: "region", field: "region"},
	{name: "district", field: "district"},
	{name: "municipality", field: "municipality"},
	{name: "ward_code", field: "ward"},
	{name: "voting_station", field: "voting_station"},
	{name: "voting_district", field: "voting_district"},
	{name: "date_joined", field: "date_joined", typ: "date", rule: storedWins},
	{name: "last_payment", field: "last_payment", typ: "date"},
	{name: "expiry_date", field: "expiry_date", typ: "date"},
	{name: "subscription", field: "subscription"},
	{name: "membership_amount", field: "membership_amount", typ: "numeric(12,2)"},
	{name: "status", field: "status"},

	{name: "vd_code", rule: verdictWins, verdict: func(p person) string {
		return vdCode(p.verdict,
			p.row.Fields["ward"])
	}},
	{name: "iec_status", rule: verdictWins, verdict: func(p person) string { return string(p.verdict.Status) }},
	{name: "iec_voter_status", rule: verdictWins, verdict: func(p person) string { return p.verdict.VoterStatus }},
	{name: "iec_ward", rule: verdictWins, verdict: func(p person) string { return p.verdict.Ward }},
	{name: "iec_vd", rule: verdictWins, verdict: func(p person) string { return p.verdict.VD }},
	{name: "iec_station", rule: verdictWins, verdict: func(p person) string { return p.verdict.Station }},
	{name: "iec_municipality_code", rule: verdictWins,
		verdict: func(p person) string { return p.verdict.MunicipalityCode }},
	{name: "iec_municipality", rule: verdictWins, verdict: func(p person) string { return p.verdict.Municipality }},
	{name: "iec_province", rule: verdictWins, verdict: func(p person) string { return p.verdict.Province }},
	{name: "verified_at", rule: verdictTime, typ: "timestamptz", verdict: func(p person) string {
		if p.verdict.At.IsZero() {
			return ""
		}
		return p.verdict.At.UTC().Format(time.RFC3339Nano)
	}},
}

// valueOf returns a person's value for the column, "" for none.
func (c *column) valueOf(p person) string {
	if c.verdict == nil {
		return p.row.Fields[c.field]
	}
	if p.verdict.Status == records.Unverified {
		return ""
	}
	return c.verdict(p)
}

// incomingSQL returns the row's value, cast to the column's type.
func (c *column) incomingSQL() string {
	if c.typ == "" {
		return "i." + c.name
	}
	return "i." + c.name + "::" + c.typ
}

// insertedSQL returns the value that a new member gets.
func (c *column) insertedSQL() string {
	if c.name == "iec_status" {
		return "coalesce(i.iec_status, 'unverified')"
	}
	return c.incomingSQL()
}

// clearable reports whether a file may ask to empty the column.
func (c *column) clearable() bool { return c.rule == fileWins }

// mergedSQL returns the value that an existing member m gets. With clears it heeds
// what the row empties.
func (c *column) mergedSQL(clears bool) string {
	merged := c.keptSQL()
	if clears && c.clearable() {
		merged = "CASE WHEN '" + c.field + "' = ANY (i.cleared) THEN NULL ELSE " + merged + " END"
	}
	return merged
}

// keptSQL is mergedSQL for a row that empties nothing.
func (c *column) keptSQL() string {
	stored := "m." + c.name
	switch c.rule {
	case fileWins:
		return "coalesce(" + c.incomingSQL() + ", " + stored + ")"
	case guessYields:
		return fmt.Sprintf("CASE WHEN i.guessed IS NOT NULL AND strpos(i.guessed, '%[1]s') > 0 AND %[2]s <> i.full_name"+
			" AND (strpos(i.full_name, %[2]s) > 0 OR coalesce(strpos(m.full_name, %[2]s), 0) = 0)"+
			" THEN %[2]s ELSE coalesce(%[3]s, %[2]s) END", c.field, stored, c.incomingSQL())
	case storedWins:
		return "coalesce(" + stored + ", " + c.incomingSQL() + ")"
	}
	keep := "i.iec_status IS NULL"
	if c.rule == verdictTime {
		keep += " OR (" + stored + " IS NOT NULL AND NOT " + verdictDiffersSQL() + ")"
	}
	return "CASE WHEN " + keep + " THEN " + stored + " ELSE " + c.incomingSQL() + " END"
}

// verdictDiffersSQL is true when the new verdict differs from the stored one.
func verdictDiffersSQL() string {
	var stored, given []string
	for _, c := range columns {
		if c.rule == verdictWins {
			stored, given = append(stored, "m."+c.name), append(given, c.incomingSQL())
		}
	}
	return "(" + commaList(stored) + ") IS DISTINCT FROM (" + commaList(given) + ")"
}
