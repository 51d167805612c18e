package rows

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

const benchRows = 100_000

// large is a job of 100,000 rows: every 10th is rejected, every 20,000th is deceased.
func (r *rig) large() {
	var accepted []records.Row
	var rejected []records.RejectedRow
	var verdicts []records.Verdict
	var outcomes []records.Outcome
	for n := 2; n < benchRows+2; n++ {
		id := fmt.Sprintf("80%02d%02d%04d08%d", n%12+1, n%28+1, n%10_000, n%10)
		first, last := fmt.Sprintf("Name%05d", n*7919%99_991), fmt.Sprintf("Surname%04d", n%4999)
		if n%10 == 0 {
			rejected = append(rejected, records.RejectedRow{N: n, Code: records.RejectChecksum, Cell: id,
				Message: "The check digit of the ID number is wrong.", Cells: []string{id, first, last, "79800001"}})
			continue
		}
		accepted = append(accepted, records.Row{N: n, ID: id, Cells: []string{id, first, last, "79800001"},
			Fields: map[string]string{"firstname": first, "surname": last, "ward": "79800001"}})
		v := records.Verdict{N: n, Status: records.Registered, Ward: "79800001", VD: "79800011", Station: "A school"}
		if n%20_000 == 1 {
			v.Status = records.Deceased
		}
		verdicts = append(verdicts, v)
		outcomes = append(outcomes, records.Outcome{N: n, Result: records.Inserted, VD: "79800011"})
	}
	r.validate(accepted, rejected)
	r.verify(verdicts)
	r.persist(outcomes)
}

// storeIndex stores the index as the report stage does.
func (r *rig) storeIndex() {
	r.tb.Helper()
	x, done, err := r.reader.Open(r.tb.Context(), r.job)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer done()
	if _, err := x.file.Seek(0, 0); err != nil {
		r.tb.Fatal(err)
	}
	a, err := r.stores["report"].Put(r.tb.Context(), events.BucketReports, r.job.ID+"/index", x.file)
	if err != nil {
		r.tb.Fatal(err)
	}
	r.job.Reported = &events.Reported{Index: &a}
}

func (r *rig) read(ctx context.Context, f Filter, after, limit int) int {
	r.tb.Helper()
	x, done, err := r.reader.Open(ctx, r.job)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer done()
	n := 0
	for _, err := range x.Rows(ctx, f, after) {
		if err != nil {
			r.tb.Fatal(err)
		}
		if n++; n == limit {
			break
		}
	}
	return n
}

// What a look at the rows of a job of 100,000 costs. Cold is the first one in a process:
// made where the index is made of the artifacts, stored where it is fetched.
func BenchmarkRows(b *testing.B) {
	r := newRig(b)
	r.large()
	run := func(name string, query url.Values, after, limit, want int, before func()) {
		b.Run(name, func(b *testing.B) {
			f, err := ParseFilter(query)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if before != nil {
					before()
				}
				if got := r.read(b.Context(), f, after, limit); got != want {
					b.Fatalf("%d rows, want %d", got, want)
				}
			}
		})
	}
	run("made/first", nil, 0, 100, 100, r.reader.Close)
	r.storeIndex()
	b.Logf("the index has %d bytes", r.job.Reported.Index.Size)
	run("cold/first", nil, 0, 100, 100, r.reader.Close)
	run("cold/few", url.Values{"status": {"deceased"}}, 0, 100, 5, r.reader.Close)
	run("cold/name", url.Values{"q": {"name00042"}}, 0, 100, 1, r.reader.Close)
	run("warm/first", nil, 0, 100, 100, nil)
	run("warm/deep", nil, benchRows-200, 100, 100, nil)
	run("warm/few", url.Values{"status": {"deceased"}}, 0, 100, 5, nil)
	run("warm/name", url.Values{"q": {"name00042"}}, 0, 100, 1, nil)
	run("warm/end", url.Values{"q": {"9999085"}}, 0, 100, 0, nil)
	run("warm/all", nil, 0, 0, benchRows, nil)
}
