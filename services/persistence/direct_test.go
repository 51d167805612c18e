package persistence

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/wards"
)

// results writes people as a new job and returns what became of each.
func (w *fixture) results(o events.Options, list ...person) []string {
	w.t.Helper()
	got, _, err := w.writeJob(w.t.Context(), newJob(len(list), o), list...)
	if err != nil {
		w.t.Fatal(err)
	}
	return resultsOf(got)
}

func (w *fixture) expectResults(what string, got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (w *fixture) digests() (n int) {
	w.t.Helper()
	return w.countRows("members WHERE row_digest IS NOT NULL")
}

// anyPerson returns somebody with random cells, a guessed name, emptied fields, a verdict.
func anyPerson(r *rand.Rand, i int) person {
	wards := []string{"79800001", "79800002", "93400001"}
	v := unverified
	if r.IntN(3) > 0 {
		v = registered(wards[r.IntN(len(wards))], []string{"32840123", "32840124", ""}[r.IntN(3)])
		v.At = monday.AddDate(0, 0, r.IntN(3))
	}
	p := newPerson(i, v)
	for _, c := range columns {
		if c.verdict != nil || r.IntN(3) == 0 {
			continue
		}
		a, b := sampleCells(c)
		if c.field == "ward" {
			b = wards[2]
		}
		p.row.Fields[c.field] = []string{a, b}[r.IntN(2)]
	}
	names := []string{"Thandi", "Nomsa", "Nkosi", "Dube"}
	if r.IntN(2) == 0 {
		first, last := names[r.IntN(4)], names[r.IntN(4)]
		p.row.Fields["full_name"], p.row.Fields["firstname"], p.row.Fields["surname"] = first+" "+last, first, last
		p.row.Guessed = []string{"firstname", "surname"}[r.IntN(2):]
	}
	for _, c := range columns {
		if c.clearable() && p.row.Fields[c.field] == "" && r.IntN(4) == 0 {
			p.row.Clear = append(p.row.Clear, c.field)
		}
	}
	return p
}

// A row that was written changes nothing when it comes again, whatever was stored before:
// that is what its digest stands for. Half of the members have none, so the database
// compares these column by column.
func TestARowThatWasWrittenChangesNothing(t *testing.T) {
	w := newFixture(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	mappings := [][]wards.Region{{{Ward: "79800001", SubRegion: "Soweto"}},
		{{Ward: "79800001", SubRegion: "Soweto"}, {Ward: "93400001", SubRegion: "North"}}, nil}
	for round := range 12 {
		if err := wards.Replace(t.Context(), w.db, mappings[round/3%3]); err != nil {
			t.Fatal(err)
		}
		var list []person
		for i := range 120 {
			list = append(list, anyPerson(r, i))
		}
		o := events.Options{AllowClear: round%2 == 0}
		w.uploadAs(o, list)
		before := w.dumpMembers()
		w.db.MustExec(`UPDATE members SET row_digest = NULL WHERE id % 2 = 0`)
		if n := w.digests(); n == 0 {
			t.Fatal("nobody has a digest")
		}
		for i, result := range w.results(o, list...) {
			if result != records.Unchanged {
				t.Fatalf("seed %d, round %d: %+v of %+v", seed, round, result, list[i].row)
			}
		}
		if w.dumpMembers() != before {
			t.Fatalf("seed %d, round %d: members have changed", seed, round)
		}
	}
}

// uploadAs writes people as a new job with options.
func (w *fixture) uploadAs(o events.Options, list []person) {
	w.t.Helper()
	if got := w.results(o, list...); slices.Contains(got, records.Refused) {
		w.t.Fatalf("refused: %v", got)
	}
}

// Whatever changes a member beside a row makes its digest untrue.
func TestWhatElseChangesAMemberForgetsTheDigest(t *testing.T) {
	w := newFixture(t)
	one := newPerson(1, registered("79800001", "32840123"), "firstname", "A", "email", "a@example.org")
	other := newPerson(2, unverified, "firstname", "B")
	w.upload(one, other)
	if n := w.digests(); n != 2 {
		t.Fatalf("%d digests", n)
	}
	w.db.MustExec(`UPDATE members SET email = 'by@hand.example' WHERE id_number = $1`, idNumber(1))
	if n := w.digests(); n != 1 {
		t.Errorf("%d digests after a change by hand", n)
	}
	w.expectResults("after a change by hand", w.results(events.Options{}, one, other), records.Updated, records.Unchanged)
	w.expectMember(1, map[string]string{"email": "a@example.org"})

	changed := newPerson(1, registered("79800001", "32840123"), "firstname", "C")
	job := newJob(1, events.Options{})
	if _, _, err := w.writeJob(t.Context(), job, changed); err != nil {
		t.Fatal(err)
	}
	if err := w.Undo(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	w.expectResults("after an undo", w.results(events.Options{}, changed), records.Updated)
	w.expectMember(1, map[string]string{"firstname": "C"})
}

// What decides about a member beside the row is part of what the digest stands for.
func TestTheSameRowElsewhereIsNotTheSame(t *testing.T) {
	w := newFixture(t)
	byFile, byIEC := newPerson(1, unverified, "ward", "79800001"), newPerson(2, registered("79800001", "32840123"))
	w.upload(byFile, byIEC)
	w.mapWards("79800001", "Soweto")
	w.expectResults("with a mapping", w.results(events.Options{}, byFile, byIEC), records.Updated, records.Updated)
	for i := range 2 {
		w.expectMember(i+1, map[string]string{"region": "Soweto"})
	}
	w.expectResults("again", w.results(events.Options{}, byFile, byIEC), records.Unchanged, records.Unchanged)
	w.mapWards("79800001", "Orlando")
	w.expectResults("with another", w.results(events.Options{}, byFile, byIEC), records.Updated, records.Updated)

	w.upload(newPerson(3, unverified, "email", "a@example.org"))
	blank := newPerson(3, unverified)
	blank.row.Clear = []string{"email"}
	w.expectResults("blank cells", w.results(events.Options{}, blank), records.Unchanged)
	w.expectResults("emptied cells", w.results(events.Options{AllowClear: true}, blank), records.Updated)
	w.expectMember(3, map[string]string{"email": ""})

	later := newPerson(2, registered("79800001", "32840123"))
	later.verdict.At = noon
	w.expectResults("the same answer of another time", w.results(events.Options{}, later), records.Unchanged)
	w.expectMember(2, map[string]string{"verified_at": monday.Format("2006-01-02T15:04:05+00:00")})
}

// Members from before there were digests get one with the first row that changes nothing,
// but in a dry run.
func TestMembersWithoutADigestGetOne(t *testing.T) {
	w := newFixture(t)
	list := newRoll(40)
	w.upload(list...)
	w.db.MustExec(`UPDATE members SET row_digest = NULL`)
	updated := w.dumpMembers()
	w.results(events.Options{DryRun: true}, list...)
	if n := w.digests(); n != 0 {
		t.Errorf("%d digests after a dry run", n)
	}
	w.results(events.Options{}, list...)
	if n := w.digests(); n != len(list) {
		t.Errorf("%d digests", n)
	}
	if w.dumpMembers() != updated {
		t.Error("members have changed")
	}
	w.results(events.Options{}, list...)
	if n := w.countRows("job_outcome_groups WHERE result = 'unchanged'"); n != 1 {
		t.Errorf("%d groups of unchanged rows", n)
	}
}

// The same row as the last one of a member is nothing to a job whose area the member lies
// outside of: it waits, and says nothing. Inside it changes nothing.
func TestTheSameRowOfAMemberOutsideWaits(t *testing.T) {
	for _, mode := range []events.Mode{events.ModeUpsert, events.ModeUpdate, events.ModeCreate} {
		w := newFixture(t)
		w.upload(newPerson(1, unverified, "ward", "79800001"), newPerson(2, unverified, "ward", "19100001"))
		same := []person{newPerson(1, unverified, "firstname", "A"), newPerson(2, unverified, "firstname", "B")}
		w.upload(same...)
		job := jobOf(wardOne, 2, events.Options{Mode: mode})
		got, _, err := w.writeJob(t.Context(), job, same...)
		if err != nil {
			t.Fatal(err)
		}
		inside := map[events.Mode]string{events.ModeCreate: records.Known}[mode]
		outside := map[events.Mode]string{events.ModeUpdate: records.Unknown}[mode]
		w.expectResults(string(mode), resultsOf(got), cmp.Or(inside, records.Unchanged), cmp.Or(outside, records.Transfer))
		if n := w.countRows("job_outcome_groups WHERE job_id = '" + job.ID + "'"); n != 1 {
			t.Errorf("%s: %d groups", mode, n)
		}
	}
}

// Outcomes that say no more than their result are kept in groups, and read as before.
func TestPlainOutcomesAreKeptInGroups(t *testing.T) {
	w := newFixture(t)
	list := newRoll(groupSize + 10)
	list[3].verdict.Status = records.NotRegistered
	*list[4].verdict = unverified
	w.upload(list[:groupSize]...)
	list[5].row.Fields["firstname"] = "Other"
	job := newJob(len(list), events.Options{})
	got, _, err := w.writeJob(t.Context(), job, list...)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got {
		want, vd := records.Unchanged, "32840123"
		switch {
		case i == 3:
			vd = vdNotRegistered
		case i == 4:
			vd = ""
		case i == 5:
			want = records.Updated
		case i >= groupSize:
			want = records.Inserted
		}
		if o.N != i+2 || o.Result != want || o.VD != vd {
			t.Errorf("%d: %+v", i, o)
		}
	}
	if rows := w.countRows("job_outcome_rows WHERE job_id = '" + job.ID + "'"); rows != 1 {
		t.Errorf("%d outcomes have a row of their own", rows)
	}
	var stored []struct {
		ID string `db:"id_number"`
		VD string `db:"vd_code"`
	}
	if err := w.db.Select(&stored, `SELECT id_number, coalesce(vd_code, '') AS vd_code FROM job_outcomes
WHERE job_id = $1 ORDER BY n`, job.ID); err != nil {
		t.Fatal(err)
	}
	for i, s := range stored {
		if s.ID != list[i].row.ID || s.VD != got[i].VD {
			t.Errorf("%d: %+v", i, s)
		}
	}
}

// A job holds nothing that a job with other people waits for.
func TestAJobWithOtherPeopleWaitsForNobody(t *testing.T) {
	w := newFixture(t)
	w.upload(newRoll(20)...)
	job := newJob(30, events.Options{})
	mine := newRoll(30)
	mine[1].row.Fields["firstname"] = "Changed"
	err := w.mergePeople(t.Context(), job, numberRows(mine), func(int, string) {}, func(*sqlx.Tx, bool) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var others []person
		for i := 100; i < 120; i++ {
			others = append(others, newPerson(i, unverified, "ward", "79800001"))
		}
		for _, name := range []string{"New", "New", "Changed"} {
			others[0].row.Fields["firstname"] = name
			if _, _, err := w.writeJob(ctx, newJob(len(others), events.Options{}), others...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Jobs whose rolls overlap, in any order, some of whose people are members, end without an
// error. Each person is inserted once, and each member is as the job left it that was last.
func TestJobsWithOverlappingRolls(t *testing.T) {
	w := newFixture(t)
	const jobs, people = 4, 120
	for round := range 5 {
		var all sync.WaitGroup
		release := make(chan struct{})
		inserted := make([]int, jobs)
		for k := range jobs {
			r := rand.New(rand.NewPCG(uint64(round), uint64(k)))
			var list []person
			for _, i := range r.Perm(people) {
				if r.IntN(4) > 0 {
					list = append(list, newPerson(round*people/2+i, unverified, "firstname", fmt.Sprint("Job ", r.IntN(3))))
				}
			}
			all.Go(func() {
				<-release
				_, stats, err := w.writeJob(t.Context(), newJob(len(list), events.Options{}), list...)
				if err != nil {
					t.Error(err)
				}
				inserted[k] = stats.Inserts
			})
		}
		before := w.countRows("members")
		close(release)
		all.Wait()
		sum := 0
		for _, n := range inserted {
			sum += n
		}
		if n := w.countRows("members") - before; n != sum {
			t.Errorf("%d new members, the jobs have inserted %d", n, sum)
		}
	}
	if n := w.countRows(`members m WHERE NOT EXISTS (SELECT FROM job_outcomes o
WHERE o.job_id = m.updated_by_job AND o.id_number = m.id_number AND o.result IN ('inserted', 'updated'))`); n > 0 {
		t.Errorf("%d members are as no outcome says", n)
	}
}

// What is too much for the memory goes to a file, and is read back.
func TestASpoolThatIsTooLargeForTheMemory(t *testing.T) {
	s := &spool{open: newFixture(t).openSpool}
	line := strings.Repeat("x", 100_000)
	var at []int64
	for i := range 2*spoolMemory/len(line) + 10 {
		if err := s.flush(); err != nil {
			t.Fatal(err)
		}
		at = append(at, s.end())
		s.tail = append(append(s.tail, line...), fmt.Sprint(" ", i+1000)...)
	}
	if s.file == nil || len(s.tail) == 0 {
		t.Fatal("not both in a file and in the memory")
	}
	for i := range at {
		got, err := s.appendTo([]byte("a "), at[i], len(line)+5)
		if want := "a " + line + fmt.Sprint(" ", i+1000); err != nil || string(got) != want {
			t.Fatalf("line %d: %d bytes, %v", i, len(got), err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}
