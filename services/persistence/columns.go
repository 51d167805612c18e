package persistence

import (
	"time"

	"rollcall.example/events/records"
)

// rule says how an incoming value meets a stored one.
type rule int

const (
	// given: what the file says, unless its cell is blank.
	given rule = iota
	// first: the stored value, unless there is none.
	first
	// judged: what the IEC says, even if that is nothing, unless the row is unverified.
	judged
	// since: the time of the verdict, as long as the verdict stays the same.
	since
)

// column is a column of members that a row can change.
type column struct {
	name string
	rule rule
	// typ is the column's type where it is not text.
	typ string
	// field is the canonical name of the roll's column, for given and first.
	field string
	// verdict reads the value of a verified row, for judged and since; "" is NULL.
	verdict func(p person) string
}

// columns is all that a row can change of a member. The ID number is the key.
var columns = []column{
	{name: "firstname", field: "firstname"},
	{name: "surname", field: "surname"},
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
	{name: "municipality", field: "municipality"},
	{name: "ward_code", field: "ward"},
	{name: "voting_station", field: "voting_station"},
	{name: "voting_district", field: "voting_district"},
	{name: "date_joined", field: "date_joined", typ: "date", rule: first},
	{name: "last_payment", field: "last_payment", typ: "date"},
	{name: "expiry_date", field: "expiry_date", typ: "date"},
	{name: "subscription", field: "subscription"},
	{name: "membership_amount", field: "membership_amount", typ: "numeric(12,2)"},
	{name: "status", field: "status"},

	{name: "vd_code", rule: judged, verdict: func(p person) string { return vdCode(p.verdict, p.row.Fields["ward"]) }},
	{name: "iec_status", rule: judged, verdict: func(p person) string { return string(p.verdict.Status) }},
	{name: "iec_voter_status", rule: judged, verdict: func(p person) string { return p.verdict.VoterStatus }},
	{name: "iec_ward", rule: judged, verdict: func(p person) string { return p.verdict.Ward }},
	{name: "iec_vd", rule: judged, verdict: func(p person) string { return p.verdict.VD }},
	{name: "iec_station", rule: judged, verdict: func(p person) string { return p.verdict.Station }},
	{name: "iec_municipality_code", rule: judged, verdict: func(p person) string { return p.verdict.MunicipalityCode }},
	{name: "iec_municipality", rule: judged, verdict: func(p person) string { return p.verdict.Municipality }},
	{name: "iec_province", rule: judged, verdict: func(p person) string { return p.verdict.Province }},
	{name: "verified_at", rule: since, typ: "timestamptz", verdict: func(p person) string {
		if p.verdict.At.IsZero() {
			return ""
		}
		return p.verdict.At.UTC().Format(time.RFC3339Nano)
	}},
}

// value is what a person brings to the column, "" for nothing.
func (c *column) value(p person) string {
	if c.verdict == nil {
		return p.row.Fields[c.field]
	}
	if p.verdict.Status == records.Unverified {
		return ""
	}
	return c.verdict(p)
}

// incoming is the SQL of the row's value, in the column's type.
func (c *column) incoming() string {
	if c.typ == "" {
		return "i." + c.name
	}
	return "i." + c.name + "::" + c.typ
}

// inserted is the SQL of the value of a new member.
func (c *column) inserted() string {
	if c.name == "iec_status" {
		return "coalesce(i.iec_status, 'unverified')"
	}
	return c.incoming()
}

// merged is the SQL of the value that an existing member m has in the end.
func (c *column) merged() string {
	stored := "m." + c.name
	switch c.rule {
	case given:
		return "coalesce(" + c.incoming() + ", " + stored + ")"
	case first:
		return "coalesce(" + stored + ", " + c.incoming() + ")"
	}
	keep := "i.iec_status IS NULL"
	if c.rule == since {
		keep += " OR (" + stored + " IS NOT NULL AND NOT " + newVerdict() + ")"
	}
	return "CASE WHEN " + keep + " THEN " + stored + " ELSE " + c.incoming() + " END"
}

// newVerdict is the SQL of whether the IEC's word differs from the stored one.
func newVerdict() string {
	var stored, given []string
	for _, c := range columns {
		if c.rule == judged {
			stored, given = append(stored, "m."+c.name), append(given, c.incoming())
		}
	}
	return "(" + list(stored) + ") IS DISTINCT FROM (" + list(given) + ")"
}
