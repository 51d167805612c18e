package persistence

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/postgres/postgrestest"
)

var (
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	monday = time.Date(2026, 2, 23, 8, 0, 0, 0, time.UTC)
)

// fixture is a service on a database of its own.
type fixture struct {
	*Service
	t     testing.TB
	clock time.Time
	url   string // of the database
}

func newFixture(t testing.TB) *fixture {
	w := &fixture{t: t, clock: noon, url: postgrestest.URL(t)}
	w.Service = New(Config{DB: postgrestest.Open(t, w.url), Now: func() time.Time { return w.clock }})
	return w
}

// idNumber returns the ith of ten thousand valid ID numbers.
func idNumber(i int) string {
	return sim.WithCheckDigit(fmt.Sprintf("800101%04d08", i))
}

// newPerson returns a person with idNumber(i); fields are pairs of name and value.
// numberRows sets the row number.
func newPerson(i int, v records.Verdict, fields ...string) person {
	row := &records.Row{ID: idNumber(i), Fields: map[string]string{}}
	for k := 0; k < len(fields); k += 2 {
		row.Fields[fields[k]] = fields[k+1]
	}
	return person{row: row, verdict: &v}
}

func numberRows(list []person) iter.Seq2[person, error] {
	return func(yield func(person, error) bool) {
		for i, p := range list {
			p.row.N, p.verdict.N = i+2, i+2
			if !yield(p, nil) {
				return
			}
		}
	}
}

func newJob(rows int, opts events.Options) *events.Job {
	return &events.Job{ID: events.NewJobID(), Options: opts, Uploaded: &events.Uploaded{},
		Validated: &events.Validated{Rows: events.Artifact{Records: rows}}}
}

// writeJob writes people for a job and returns the outcomes as the artifact has them.
func (w *fixture) writeJob(ctx context.Context, job *events.Job,
	list ...person) (got []records.Outcome, stats events.DatabaseStats, err error) {
	err = w.mergePeople(ctx, job, numberRows(list), func(int, string) {}, func(tx *sqlx.Tx, _ bool) error {
		stats, err = outcomeReader{jobID: job.ID, clears: job.Options.AllowClear}.each(ctx, tx,
			func(o *records.Outcome) error { got = append(got, *o); return nil })
		return err
	})
	return got, stats, err
}

// upload writes people as a new job and fails the test if that fails.
func (w *fixture) upload(list ...person) []records.Outcome {
	w.t.Helper()
	got, stats, err := w.writeJob(w.t.Context(), newJob(len(list), events.Options{}), list...)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(got) != len(list) || stats.Total != len(list) ||
		stats.Inserts+stats.Updates+stats.Unchanged+stats.Errors != stats.Total {
		w.t.Fatalf("%d outcomes of %d rows, %+v", len(got), len(list), stats)
	}
	return got
}

// member returns a member's columns as text, NULL as "".
func (w *fixture) member(i int) map[string]string {
	w.t.Helper()
	rows, err := w.db.Queryx(`SELECT j.key, coalesce(j.value, '')
FROM members m, jsonb_each_text(to_jsonb(m)) j WHERE m.id_number = $1`, idNumber(i))
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			w.t.Fatal(err)
		}
		got[k] = v
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *fixture) expectMember(i int, want map[string]string) {
	w.t.Helper()
	got := w.member(i)
	for k, v := range want {
		if got[k] != v {
			w.t.Errorf("member %d: %s is %q, want %q", i, k, got[k], v)
		}
	}
}

func (w *fixture) countRows(table string) (n int) {
	w.t.Helper()
	if err := w.db.Get(&n, "SELECT count(*) FROM "+table); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// toJSON returns a map as a JSON object.
func toJSON(m map[string]string) string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func registered(ward, vd string) records.Verdict {
	return records.Verdict{Status: records.Registered, VoterStatus: "REGISTERED", Ward: ward, VD: vd,
		Station: "TOWN HALL", MunicipalityCode: "JHB", Municipality: "City of Johannesburg", Province: "Gauteng",
		At: monday}
}

var unverified = records.Verdict{Status: records.Unverified, Reason: "disabled"}
