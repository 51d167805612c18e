package report

import (
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// roll is what the earlier stages found out about a file.
type roll struct {
	columns  []string
	fields   map[string]int
	rows     []records.Row
	rejects  []records.RejectedRow
	verdicts []records.Verdict
	outcomes []records.Outcome
	stats    events.ValidationStats
	iec      events.IECStats
	db       events.DatabaseStats
	options  events.Options
	area     *events.Area
}

var askedAt = time.Date(2026, time.March, 9, 22, 30, 15, 0, time.UTC) // the 10th in South Africa

// smallRoll has a row for each thing that may become of a row.
func smallRoll() roll {
	r := roll{
		columns: []string{"ID No", "Firstname", "Surname", "Cellphone", "Age", "Ward", "Date Joined",
			"Membership Amount", "=Notes"},
		fields: map[string]int{"id_number": 0, "firstname": 1, "surname": 2, "cell_number": 3, "age": 4, "ward": 5,
			"date_joined": 6, "membership_amount": 7},
		stats: events.ValidationStats{TotalRecords: 14, ValidRecords: 9, ValidIDs: 10, InvalidIDs: 4, UniqueRecords: 9,
			Duplicates: 1, Warnings: 2, BlankRows: 1},
		iec: events.IECStats{Total: 9, Registered: 5, NotRegistered: 1, Deceased: 1, International: 1, Unverified: 1,
			Calls: 9},
		db: events.DatabaseStats{Total: 9, Inserts: 5, Updates: 2, Unchanged: 1, Errors: 1},
	}
	joined := "Zoë \u2013 Ndlovu"
	add := func(row records.Row, v records.Verdict, o records.Outcome) {
		v.N, o.N = row.N, row.N
		if v.Status != records.Unverified {
			v.At = askedAt
		}
		r.rows, r.verdicts, r.outcomes = append(r.rows, row), append(r.verdicts, v), append(r.outcomes, o)
	}
	reject := func(n int, code, message, cell string, cells ...string) {
		r.rejects = append(r.rejects, records.RejectedRow{N: n, Code: code, Message: message, Cell: cell, Cells: cells})
	}
	here := records.Verdict{Status: records.Registered, VoterStatus: "Registered", Ward: "79800001", VD: "32840001",
		Station:          "Hall, A",
		MunicipalityCode: "JHB", Municipality: "City of Johannesburg", Province: "Gauteng"}

	add(records.Row{N: 4, ID: "8001015009087",
		Fields: map[string]string{"firstname": joined, "age": "46", "ward": "79800001", "date_joined": "2024-02-01",
			"membership_amount": "10.00"},
		Cells: []string{"8001015009087", joined, "Dlamini", "0821234567", "46", "79800001", "01/02/2024", "R10.00",
			"日本語 🙂"},
	}, here, records.Outcome{Result: records.Inserted, VD: "32840001"})
	reject(5, records.RejectMissing, "The row has no ID number.", "", "", "Ann", "Blank", "0821234567", "30",
		"79800001", "2024-02-01", "10", "")
	reject(6, records.RejectFormat, "The ID number has 12 digits.", "=12", "=12", "Ben", "Short", "", "", "", "", "",
		"-1+1")
	reject(8, records.RejectChecksum, "The ID number's last digit is wrong.", "8001015009086", "8001015009086", "Cas",
		"Sum")
	reject(9, records.RejectDate, "The ID number has no such date.", "9913315000088", "9913315000088", "Dan", "Date",
		"", "", "", "", "", "")
	moved := here
	moved.Ward, moved.VD = "79800002", "32840002"
	add(records.Row{N: 10, ID: "9001010001088",
		Fields: map[string]string{"age": "36", "ward": "79800001", "date_joined": "1899-12-31",
			"membership_amount": "1234567890123456.00"},
		Cells: []string{"9001010001088", "Eve", "Moved", "+27821234567", "36", "79800001", "31/12/1899",
			"1234567890123456", ""},
	}, moved, records.Outcome{Result: records.Updated, VD: "22222222", Changed: []string{"surname", "voting_district"},
		Before: map[string]string{"ward": "", "voting_district": "32840009"},
		After:  map[string]string{"ward": "79800001", "voting_district": "22222222"}})
	r.rejects = append(r.rejects, records.RejectedRow{N: 11, Code: records.RejectDuplicate,
		Message: "The ID number is that of row 4.",
		Cell:    "800101 5009 087", Cells: []string{"800101 5009 087", joined, "Dlamini", "", "", "", "", "", ""},
		ID: "8001015009087", FirstRow: 4, Rows: []int{4, 11}, Count: 2})
	add(records.Row{N: 12, ID: "8506155000084",
		Fields: map[string]string{"ward": "79800001"},
		Cells:  []string{"8506155000084", "Fay", "Gone", "082 123 4567", "", "79800001", "", "", ""},
	}, records.Verdict{Status: records.Deceased, VoterStatus: "Deceased"},
		records.Outcome{Result: records.Unchanged, VD: "11111111"})
	add(records.Row{N: 13, ID: "8001015009285",
		Fields: map[string]string{"ward": "79800003"},
		Cells:  []string{"8001015009285", "Gil", "Outside", "x", "old", "79800003.0", "31/31/2024", "much", "@SUM(A1)"},
		Warnings: []records.Warning{{Field: "age", Code: "unreadable", Message: "The age \"old\" is not a number."},
			{Field: "date_joined", Code: "unreadable", Message: "There is no such date."}},
	}, records.Verdict{Status: records.NotRegistered, VoterStatus: "Not registered"},
		records.Outcome{Result: records.Inserted, VD: "99999999"})
	nowhere := here
	nowhere.VD, nowhere.Station = "", ""
	add(records.Row{N: 14, ID: "7501015009080",
		Cells: []string{"7501015009080", "Hal", "Noward", "", "", "", "", "", ""},
	}, nowhere, records.Outcome{Result: records.Updated, VD: "22222222", Changed: []string{"firstname"}})
	add(records.Row{N: 15, ID: "7601015009080", Fields: map[string]string{"ward": "79800001"},
		Cells: []string{"7601015009080", "Ida", "Unknown", "", "", "79800001", "", "", ""},
	}, records.Verdict{Status: records.Unverified, Reason: "timeout"}, records.Outcome{Result: records.Inserted})
	add(records.Row{N: 16, ID: "7701015009080", Fields: map[string]string{"ward": "79800001"},
		Cells: []string{"7701015009080", "Jan", "Refused", "", "", "79800001", "", "", "\t=1", "beyond the header"},
	}, here, records.Outcome{Result: records.Refused, Error: "value too long for column surname"})
	add(records.Row{N: 17, ID: "7801015009080", Fields: map[string]string{"date_joined": "2024-02-29",
		"membership_amount": "-5.5"},
		Cells: []string{"7801015009080", "=HYPERLINK(\"http://x\")", "+1", "-2", "@3", "", "29 Feb 2024", "-R5,50",
			"\r=1\n+2"},
	}, records.Verdict{Status: records.International, VoterStatus: "International"},
		records.Outcome{Result: records.Inserted, VD: "33333333"})
	add(records.Row{N: 18, ID: "7901015009080", Fields: map[string]string{"ward": "79800004",
		"date_joined": "2024-05-05"},
		Cells: []string{"7901015009080", "Kay", "Wardless", "", "", "79800004", " ", "", ""},
	}, records.Verdict{Status: records.Registered, VoterStatus: "Registered"},
		records.Outcome{Result: records.Inserted, VD: "22222222"})
	return r
}
