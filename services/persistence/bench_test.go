package persistence

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

const benchRows = 100_000

// benchPeople yields as many people as a large branch has, in no order.
func benchPeople(yield func(person, error) bool) {
	for i := range benchRows {
		id := (i * 7919) % benchRows // a prime: each once
		ward := fmt.Sprint(79800000 + id%150)
		v := registered(ward, fmt.Sprint(32840000+id%1000))
		v.Station = fmt.Sprint("PRIMARY SCHOOL ", id%1000)
		p := newPerson(0, v,
			"firstname", fmt.Sprint("Thandi ", id%997), "surname", fmt.Sprint("Nkosi ", id%1499),
			"cell_number", fmt.Sprintf("+2782%07d", id), "email", fmt.Sprintf("person%d@example.org", id),
			"residential_address", fmt.Sprint(id%300, " Vilakazi Street, Orlando West"),
			"age", fmt.Sprint(18+id%70), "gender", "Female", "race", "African",
			"citizenship", "South African citizen", "language", "isiZulu", "occupation", "Teacher",
			"qualification", "Matric", "province", "Gauteng", "municipality", "City of Johannesburg",
			"ward", ward, "voting_station", v.Station, "date_joined", "2024-02-01",
			"last_payment", "2025-07-14", "expiry_date", "2027-07-14", "membership_amount", "10.00",
			"status", "Active")
		p.row.N, p.verdict.N = i+2, i+2
		p.row.ID = fmt.Sprintf("%06d%07d", id%991, id)
		for _, c := range columns {
			if text := p.row.Fields[c.field]; text != "" {
				p.row.Cells = append(p.row.Cells, text)
			}
		}
		if !yield(p, nil) {
			return
		}
	}
}

// storeBenchRecords stores an artifact with one record of each of benchPeople.
func storeBenchRecords[T records.Record](b *testing.B, js jetstream.JetStream, bucket string,
	of func(person) *T) events.Artifact {
	store := events.NewStore(js)
	w, err := records.NewWriter[T](store)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	for p := range benchPeople {
		if err := w.Write(of(p)); err != nil {
			b.Fatal(err)
		}
	}
	a, err := w.Store(b.Context(), store, bucket, events.NewJobID()+"/records", records.Header{})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkPersistence compares the whole stage, from the artifacts to the stored
// outcomes, with psql on the same server. psql runs the same statements, with the data
// of the COPY prepared, and a plain COPY of the members into a table with the columns,
// rules and indexes of members. Each iteration runs one after the other.
func BenchmarkPersistence(b *testing.B) {
	took := make(chan time.Duration, 1)
	s := startStage(b, func(h stage.Handler) stage.Handler {
		return func(ctx context.Context, w *stage.Work) (events.Fact, error) {
			begin := time.Now()
			fact, err := h(ctx, w)
			took <- time.Since(begin)
			return fact, err
		}
	})
	validation, iec := eventstest.Connect(b, s.srv, "validation"), eventstest.Connect(b, s.srv, "iec")
	rows := storeBenchRecords(b, validation, events.BucketRows, func(p person) *records.Row { return p.row })
	verdicts := storeBenchRecords(b, iec, events.BucketVerdicts, func(p person) *records.Verdict { return p.verdict })
	later := storeBenchRecords(b, validation, events.BucketRows, func(p person) *records.Row {
		p.row.Fields["last_payment"] = "2025-08-14"
		return p.row
	})
	run := func(o events.Options) time.Duration {
		job := s.submitJob(b, o, rows, verdicts)
		eventstest.WaitFor(b, 5*time.Minute, "the job to be persisted", func() bool {
			now, err := s.log.Load(b.Context(), job.ID)
			return err == nil && now.Persisted != nil
		})
		return <-took
	}
	write := func() time.Duration { return run(events.Options{}) }
	dry := func() time.Duration { return run(events.Options{DryRun: true}) }
	empty := func() {
		const tables = "members, job_ledger, job_outcome_rows, job_outcome_groups, ward_changes"
		if _, err := s.db.Exec(`TRUNCATE ` + tables); err != nil {
			b.Fatal(err)
		}
	}
	write()
	peer := newPlainCopy(b, s.db, s.url)
	b.Run("insert", func(b *testing.B) { timeBoth(b, s.db, empty, write, peer.run) })
	b.Run("dry run", func(b *testing.B) { timeBoth(b, s.db, empty, dry, peer.run) })
	b.Run("unchanged", func(b *testing.B) {
		empty()
		write()
		timeBoth(b, s.db, func() {}, write, peer.run)
	})
	b.Run("changed", func(b *testing.B) {
		timeBoth(b, s.db, func() { rows, later = later, rows }, write, peer.run)
	})
}

// timeBoth times ours and theirs, each after a checkpoint, and reports the
// medians. They take turns at going first.
func timeBoth(b *testing.B, db *sqlx.DB, prepare func(), ours, theirs func() time.Duration) {
	var us, them []float64
	for i := range b.N {
		prepare()
		for turn := range 2 {
			if _, err := db.Exec(`CHECKPOINT`); err != nil {
				b.Fatal(err)
			}
			if i%2 == turn {
				us = append(us, ours().Seconds())
			} else {
				them = append(them, theirs().Seconds())
			}
		}
	}
	u, t := median(us), median(them)
	b.ReportMetric(0, "ns/op") // it would count the preparations too
	b.ReportMetric(u, "s")
	b.ReportMetric(t, "copy-s")
	b.ReportMetric(u/t, "ratio")
	b.ReportMetric(benchRows/u, "rows/s")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// plainCopy copies the members that are in the database by psql into a table like theirs.
type plainCopy struct {
	b         *testing.B
	db        *sqlx.DB
	url, file string
}

func newPlainCopy(b *testing.B, db *sqlx.DB, url string) *plainCopy {
	p := &plainCopy{b: b, db: db, url: url, file: filepath.Join(b.TempDir(), "members")}
	if _, err := db.Exec(`CREATE TABLE copied (LIKE members INCLUDING ALL)`); err != nil {
		b.Fatal(err)
	}
	// In the order in which the statements of a merge read the rows.
	p.psql(`\copy (SELECT * FROM members ORDER BY id_number) TO '` + p.file + `'`)
	return p
}

func (p *plainCopy) psql(command string) {
	cmd := exec.CommandContext(p.b.Context(), "psql", "--no-psqlrc", "--quiet", "--dbname", p.url, "--command", command)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.b.Fatalf("psql: %v\n%s", err, out)
	}
}

func (p *plainCopy) run() time.Duration {
	if _, err := p.db.Exec(`TRUNCATE copied`); err != nil {
		p.b.Fatal(err)
	}
	begin := time.Now()
	p.psql(`\copy copied FROM '` + p.file + `'`)
	return time.Since(begin)
}
