package persistence

import "strings"

// The three statements of a merge, each on the rows of incoming with an ID
// number above $2 and up to $3. $1 is the job, $4 the time of writing.
const inSpan = "i.id_number > $2 AND i.id_number <= $3"

// insertNew writes all that are not members yet and locks all that are, in the
// order of their ID numbers. One statement takes every lock, in one order, so
// that jobs with the same people wait for each other and never in a circle. The
// update that it names changes nothing: to lock the row in the way is its point.
var insertNew = func() string {
	var names, values []string
	for _, c := range columns {
		names, values = append(names, c.name), append(values, c.inserted())
	}
	return `WITH fresh AS (
  INSERT INTO members (id_number, ` + list(names) + `, created_at, updated_at, created_by_job, updated_by_job)
  SELECT i.id_number, ` + list(values) + `, $4::timestamptz, $4::timestamptz, $1::text, $1::text
  FROM incoming i WHERE ` + inSpan + ` ORDER BY i.id_number
  ON CONFLICT (id_number) DO UPDATE SET id_number = excluded.id_number WHERE false
  RETURNING id_number
)
INSERT INTO job_outcomes (job_id, n, id_number, result, vd_code)
SELECT $1::text, i.n, i.id_number, 'inserted', i.vd_code FROM fresh JOIN incoming i USING (id_number)`
}()

// recordChanges notes, for all that were members before, which columns change
// and what they held: the rows are locked, so this is what will be overwritten.
// A changed column that the images lack was, or becomes, NULL. Beside them the
// image before holds who wrote the member last, and when.
var recordChanges = func() string {
	var changed, before, after []string
	for _, c := range columns {
		differs := "m." + c.name + " IS DISTINCT FROM " + c.merged()
		changed = append(changed, "CASE WHEN "+differs+" THEN '"+c.name+"' END")
		before = append(before, "'"+c.name+"', CASE WHEN "+differs+" THEN m."+c.name+" END")
		after = append(after, "'"+c.name+"', CASE WHEN "+differs+" THEN "+c.merged()+" END")
	}
	before = append(before, "'updated_at', m.updated_at", "'updated_by_job', m.updated_by_job")
	return `INSERT INTO job_outcomes (job_id, n, id_number, result, vd_code, changed, before, after)
SELECT $1::text, i.n, i.id_number, CASE WHEN d.changed = '{}' THEN 'unchanged' ELSE 'updated' END, i.vd_code, d.changed,
  CASE WHEN d.changed <> '{}' THEN jsonb_strip_nulls(jsonb_build_object(` + list(before) + `)) END,
  CASE WHEN d.changed <> '{}' THEN jsonb_strip_nulls(jsonb_build_object(` + list(after) + `)) END
FROM incoming i JOIN members m USING (id_number)
CROSS JOIN LATERAL (SELECT array_remove(ARRAY[` + list(changed) + `]::text[], NULL) AS changed OFFSET 0) d
WHERE ` + inSpan + ` AND NOT EXISTS (SELECT FROM job_outcomes o WHERE o.job_id = $1::text AND o.n = i.n)`
}()

// updateChanged writes the members that recordChanges found changed.
var updateChanged = func() string {
	var set []string
	for _, c := range columns {
		set = append(set, c.name+" = "+c.merged())
	}
	return `UPDATE members m SET ` + strings.Join(set, ",\n  ") + `,
  updated_at = $4::timestamptz, updated_by_job = $1::text
FROM incoming i JOIN job_outcomes o ON o.job_id = $1::text AND o.n = i.n AND o.result = 'updated'
WHERE m.id_number = i.id_number AND ` + inSpan
}()
