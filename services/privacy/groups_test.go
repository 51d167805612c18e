package privacy

import (
	"slices"
	"testing"

	"github.com/lib/pq"

	"rollcall.example/services/postgres/postgrestest"
)

// Of a group of outcomes goes the part of one person, wherever it stands, and nothing of
// anybody else.
func TestOnePersonIsTakenOutOfGroups(t *testing.T) {
	const person = 9001010001088
	const before, after = 8001015009087, 9501015009085
	db := postgrestest.New(t)
	for job, ids := range map[string][]int64{
		"first": {person, after}, "middle": {before, person, after}, "last": {before, person}, "only": {person},
		"another": {before, after},
	} {
		var ns, vds []int64
		for i := range ids {
			ns, vds = append(ns, int64(i+2)), append(vds, int64(32840000+i))
		}
		db.MustExec(`INSERT INTO job_outcome_groups (job_id, result, first_id, last_id, id_numbers, ns, vd_codes)
VALUES ($1, 'inserted', $2, $3, $4, $5, $6)`, job, ids[0], ids[len(ids)-1], pq.Array(ids), pq.Array(ns), pq.Array(vds))
	}
	changed := int64(0)
	for _, own := range ownRows {
		if own.table == "job_outcome_groups" {
			n, err := db.MustExec(own.deletion, "9001010001088").RowsAffected()
			if err != nil {
				t.Fatal(err)
			}
			changed += n
		}
	}
	if changed != 4 {
		t.Errorf("%d groups are changed", changed)
	}
	var left []struct {
		Job string        `db:"job_id"`
		IDs pq.Int64Array `db:"id_numbers"`
		Ns  pq.Int64Array `db:"ns"`
		VDs pq.Int64Array `db:"vd_codes"`
		Is  bool          `db:"is_between"`
	}
	if err := db.Select(&left, `SELECT job_id, id_numbers, ns, vd_codes,
  first_id = id_numbers[1] AND last_id = id_numbers[cardinality(id_numbers)] AS is_between FROM job_outcome_groups
ORDER BY job_id`); err != nil {
		t.Fatal(err)
	}
	want := map[string][3][]int64{
		"another": {{before, after}, {2, 3}, {32840000, 32840001}}, "first": {{after}, {3}, {32840001}},
		"last": {{before}, {2}, {32840000}}, "middle": {{before, after}, {2, 4}, {32840000, 32840002}},
	}
	if len(left) != len(want) {
		t.Errorf("%d groups are left", len(left))
	}
	for _, l := range left {
		w := want[l.Job]
		if !l.Is || !slices.Equal(l.IDs, w[0]) || !slices.Equal(l.Ns, w[1]) || !slices.Equal(l.VDs, w[2]) {
			t.Errorf("%+v, want %v", l, w)
		}
	}
}
