package wards

import (
	"context"
	"fmt"
	"iter"

	"rollcall.example/events/access"
)

// Member is a member who is registered in a ward.
type Member struct {
	IDNumber string `db:"id_number"`
	// Name is the surname and the first name, or the full name where a roll gave no more.
	Name string `db:"name"`
	// VD is the voting district; "" where the IEC named none.
	VD string `db:"vd"`

	Province     string `db:"province"`
	Municipality string `db:"municipality"`
	Ward         string `db:"ward"`
}

// Members yields the members who are registered in a ward and lie within bounds, by name.
// It keeps one of them in memory. An error is the last thing yielded.
func (b *Book) Members(ctx context.Context, ward string, bounds *access.Bounds) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		fail := func(err error) { yield(Member{}, fmt.Errorf("list members of a ward: %w", err)) }
		rows, err := b.db.QueryxContext(ctx, `SELECT id_number,
  coalesce(nullif(concat_ws(', ', surname, firstname), ''), full_name, '') AS name,
  coalesce(nullif(vd_code, '22222222'), iec_vd, '') AS vd,
  coalesce(CASE WHEN said THEN province ELSE iec_province END, '') AS province,
  coalesce(CASE WHEN said THEN municipality ELSE iec_municipality_code END, '') AS municipality,
  coalesce(CASE WHEN said THEN ward_code ELSE iec_ward END, '') AS ward
FROM (SELECT *, coalesce(ward_code, municipality, province) IS NOT NULL AS said FROM (
  SELECT id_number, surname, firstname, full_name, vd_code, iec_vd, province, iec_province, municipality,
    iec_municipality_code, ward_code, iec_ward
  FROM members WHERE iec_status = 'registered' AND iec_ward = $1 AND (ward_code = $1 OR ward_code IS NULL)) m) m
ORDER BY lower(coalesce(surname, full_name)), lower(firstname), id_number`, ward)
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = rows.Close() }() // rows.Err has the error
		for rows.Next() {
			var m Member
			if err := rows.StructScan(&m); err != nil {
				fail(err)
				return
			}
			place := access.Place{Province: m.Province, Municipality: m.Municipality, Ward: m.Ward}
			if bounds.Contain(place) && !yield(m, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			fail(err)
		}
	}
}
