package persistence

import "strings"

// The statements of a merge work on the rows of incoming with an ID
// number above $2 and up to $3. $1 is the job, $4 the time of writing.
const inRangeSQL = "i.id_number > $2 AND i.id_number <= $3"

// insertMembersSQL inserts those who are no members yet, in the order of their ID numbers.
// Those who are, lockMembersSQL has locked, but for whom another job has just inserted: its
// ON CONFLICT DO UPDATE changes nothing; it is there for that lock.
var insertMembersSQL = func() string {
	var names, values []string
	for _, c := range columns {
		names, values = append(names, c.name), append(values, c.insertedSQL())
	}
	return `INSERT INTO members
  (id_number, row_digest, ` + commaList(names) + `, created_at, updated_at, created_by_job, updated_by_job)
  SELECT i.id_number, i.row_digest, ` + commaList(values) + `, $4::timestamptz, $4::timestamptz, $1::text, $1::text
  FROM incoming i WHERE ` + inRangeSQL + ` ORDER BY i.id_number
  ON CONFLICT (id_number) DO UPDATE SET id_number = excluded.id_number WHERE false`
}()

// insertNewSQL is insertMembersSQL, and records whom it has inserted.
var insertNewSQL = `WITH inserted AS (
  ` + insertMembersSQL + `
  RETURNING id_number
)
INSERT INTO job_outcome_rows (job_id, n, id_number, result, vd_code)
SELECT $1::text, i.n, i.id_number, 'inserted', i.vd_code FROM inserted JOIN incoming i USING (id_number)`

// countKnownSQL counts those who are members already.
const countKnownSQL = `SELECT count(*) FROM incoming i JOIN members m USING (id_number)
WHERE i.id_number > $1 AND i.id_number <= $2`

// lockKnownSQL locks, in the same order, those who are members, and records the rest
// as unknown: the first statement of a job that adds nobody. In one statement,
// because whoever becomes a member after it is neither locked nor looked at.
const lockKnownSQL = `WITH known AS MATERIALIZED (
  SELECT m.id_number FROM members m JOIN incoming i USING (id_number)
  WHERE ` + inRangeSQL + ` ORDER BY m.id_number FOR UPDATE OF m
)
INSERT INTO job_outcome_rows (job_id, n, id_number, result)
SELECT $1::text, i.n, i.id_number, 'unknown' FROM incoming i
WHERE ` + inRangeSQL + ` AND NOT EXISTS (SELECT FROM known k WHERE k.id_number = i.id_number)`

// recordKnownSQL records those who were members before, of a job that only adds people.
const recordKnownSQL = `INSERT INTO job_outcome_rows (job_id, n, id_number, result)
SELECT $1::text, i.n, i.id_number, 'known' FROM incoming i
WHERE ` + inRangeSQL + ` AND NOT EXISTS (SELECT FROM job_outcome_rows o WHERE o.job_id = $1::text AND o.n = i.n)`

// statements are those in which a column gets the value that a row and a member
// give together.
type statements struct{ fillRegions, takeUnchanged, recordChanges, updateChanged string }

// Rows that empty nothing, which is nearly all, are not made to ask for it.
var keeping, clearing = makeStatements(false), makeStatements(true)

func makeStatements(clears bool) statements {
	return statements{fillRegionsSQL(clears), takeUnchangedSQL(clears), recordChangesSQL(clears), updateChangedSQL(clears)}
}

// takeUnchangedSQL records the rows that change nothing and takes them out of incoming. A
// member who has no digest gets that of the row, if $4 is true.
func takeUnchangedSQL(clears bool) string {
	var same []string
	for _, c := range columns {
		same = append(same, "m."+c.name+" IS NOT DISTINCT FROM "+c.mergedSQL(clears))
	}
	return `WITH unchanged AS (
  DELETE FROM incoming i USING members m
  WHERE m.id_number = i.id_number AND ` + inRangeSQL + `
    AND ` + strings.Join(same, "\n    AND ") + `
  RETURNING i.n, i.id_number, i.vd_code, i.row_digest, m.row_digest IS NULL AND $4::boolean AS lacks
), digested AS (
  UPDATE members m SET row_digest = u.row_digest FROM unchanged u WHERE u.lacks AND m.id_number = u.id_number
)
INSERT INTO job_outcome_rows (job_id, n, id_number, result, vd_code)
SELECT $1::text, n, id_number, 'unchanged', vd_code FROM unchanged`
}

// recordChangesSQL stores, for those who were members before, which columns
// change and the values before and after. The rows are locked, so these are the
// values that updateChangedSQL overwrites. A changed column that is missing in
// before or after is NULL there. before also holds who wrote the member last,
// and when.
func recordChangesSQL(clears bool) string {
	var changed, before, after []string
	for _, c := range columns {
		differs := "m." + c.name + " IS DISTINCT FROM " + c.mergedSQL(clears)
		changed = append(changed, "CASE WHEN "+differs+" THEN '"+c.name+"' END")
		before = append(before, "'"+c.name+"', CASE WHEN "+differs+" THEN m."+c.name+" END")
		after = append(after, "'"+c.name+"', CASE WHEN "+differs+" THEN "+c.mergedSQL(clears)+" END")
	}
	before = append(before, "'updated_at', m.updated_at", "'updated_by_job', m.updated_by_job")
	return `INSERT INTO job_outcome_rows (job_id, n, id_number, result, vd_code, changed, before, after)
SELECT $1::text, i.n, i.id_number, CASE WHEN d.changed = '{}' THEN 'unchanged' ELSE 'updated' END, i.vd_code, d.changed,
  CASE WHEN d.changed <> '{}' THEN jsonb_strip_nulls(jsonb_build_object(` + commaList(before) + `)) END,
  CASE WHEN d.changed <> '{}' THEN jsonb_strip_nulls(jsonb_build_object(` + commaList(after) + `)) END
FROM incoming i JOIN members m USING (id_number)
CROSS JOIN LATERAL (SELECT array_remove(ARRAY[` + commaList(changed) + `]::text[], NULL) AS changed OFFSET 0) d
WHERE ` + inRangeSQL + ` AND NOT EXISTS (SELECT FROM job_outcome_rows o WHERE o.job_id = $1::text AND o.n = i.n)`
}

// updateChangedSQL writes the members that recordChangesSQL found changed. That an outcome
// has the ID number of its row lets it be found by the index of incoming, however many
// outcomes the planner believes that there are.
func updateChangedSQL(clears bool) string {
	var set []string
	for _, c := range columns {
		set = append(set, c.name+" = "+c.mergedSQL(clears))
	}
	return `UPDATE members m SET ` + strings.Join(set, ",\n  ") + `,
  row_digest = i.row_digest, updated_at = $4::timestamptz, updated_by_job = $1::text
FROM incoming i JOIN job_outcome_rows o ON o.job_id = $1::text AND o.n = i.n AND o.id_number = i.id_number
  AND o.result = 'updated'
WHERE m.id_number = i.id_number AND ` + inRangeSQL
}
