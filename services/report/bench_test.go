package report

import (
	"fmt"
	"io"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
)

// BenchmarkReport writes the report of a roll of 100,000 rows and 16 columns: all
// sheets, from the stored artifacts.
func BenchmarkReport(b *testing.B) {
	const rows = 100_000
	srv := eventstest.Start(b)
	store := func(stage events.Stage) *events.Store {
		return events.NewStore(eventstest.Connect(b, srv, string(stage)))
	}
	in := bigRoll(rows)
	job := events.Job{ID: events.NewJobID(), Owner: events.User{ID: "alice"}, FileName: "roll.xlsx",
		Uploaded: &events.Uploaded{}, CreatedAt: time.Now()}
	head := records.Header{JobID: job.ID, Columns: in.columns, Fields: in.fields}
	validation := store(events.StageValidation)
	job.Validated = &events.Validated{Rows: storeRecords(b, validation, events.BucketRows, "rows", head, in.rows),
		Rejects: storeRecords(b, validation, events.BucketRows, "rejects", head, in.rejects)}
	head = records.Header{JobID: job.ID}
	job.Verified = &events.Verified{Verdicts: storeRecords(b, store(events.StageIEC), events.BucketVerdicts, "verdicts",
		head, in.verdicts)}
	job.Persisted = &events.Persisted{Outcomes: storeRecords(b, store(events.StagePersistence), events.BucketOutcomes,
		"outcomes", head, in.outcomes)}
	s := New(Config{Store: store(events.StageReport)})
	b.ReportAllocs()
	for b.Loop() {
		if err := s.writeReport(b.Context(), &job, io.Discard, nil, func(int, int) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// bigRoll is a roll like a real one: most people are registered in their ward, some
// are not, and every hundredth row is a reject.
func bigRoll(rows int) roll {
	in := roll{
		columns: []string{"ID Number", "Firstname", "Surname", "Cell Number", "Email", "Address", "Gender", "Race",
			"Language", "Occupation", "Ward", "VD", "Date Joined", "Last Payment", "Membership Amount", "Status"},
		fields: map[string]int{"id_number": 0, "ward": 10, "date_joined": 12, "last_payment": 13,
			"membership_amount": 14},
	}
	for i := range rows {
		id := fmt.Sprintf("%013d", 8001015000000+i)
		ward := fmt.Sprint(79800000 + i%300)
		cells := []string{id, "Firstname" + fmt.Sprint(i%997), "Surname" + fmt.Sprint(i%1999),
			fmt.Sprintf("082%07d", i), fmt.Sprintf("person%d@example.org", i),
			fmt.Sprintf("%d Acacia Street, Suburb %d", i%200, i%71), "Female", "African", "isiZulu", "Teacher", ward,
			"32840011", "01/02/2024", "2024-08-31", "R10.00", "Good standing"}
		if i%100 == 99 {
			in.rejects = append(in.rejects, records.RejectedRow{N: i + 2, Code: records.RejectChecksum,
				Message: "The ID number has a wrong check digit: a digit is mistyped.", Cell: id, Cells: cells})
			continue
		}
		in.rows = append(in.rows, records.Row{N: i + 2, ID: id, Cells: cells, Fields: map[string]string{
			"firstname": cells[1], "surname": cells[2], "cell_number": "+27" + cells[3][1:], "email": cells[4],
			"residential_address": cells[5], "gender": "Female", "race": "Black African", "language": "isiZulu",
			"occupation": "Teacher", "ward": ward, "voting_district": "32840011",
			"date_joined": "2024-02-01", "last_payment": "2024-08-31", "expiry_date": "2026-08-31",
			"membership_amount": "10.00", "status": "Good standing"}})
		v := records.Verdict{N: i + 2, Status: records.Registered, VoterStatus: "Registered", Ward: ward,
			VD: "32840011", Station: "Baobab Primary School",
			MunicipalityCode: "JHB", Municipality: "City of Johannesburg", Province: "Gauteng",
			At: time.Unix(1_750_000_000+int64(i), 0)}
		if i%10 == 3 {
			v = records.Verdict{N: i + 2, Status: records.NotRegistered, VoterStatus: "Not registered", At: v.At}
		}
		in.verdicts = append(in.verdicts, v)
		o := records.Outcome{N: i + 2, Result: records.Inserted, VD: "32840011"}
		if i%2 == 0 {
			o = records.Outcome{N: i + 2, Result: records.Updated, Changed: []string{"email", "status"}, VD: "32840011"}
		}
		in.outcomes = append(in.outcomes, o)
	}
	return in
}
