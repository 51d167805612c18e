package wards

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Replace makes list the whole directory, in one transaction: concurrent readers see
// the earlier one. An empty list leaves no directory. It does not touch members;
// their next upload applies it.
func Replace(ctx context.Context, db *sqlx.DB, list []Region) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("replace wards: begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	// Two concurrent imports would each delete what they see and collide on the
	// rest. This lock mode lets readers through.
	if _, err := tx.ExecContext(ctx, `LOCK TABLE ward_regions IN EXCLUSIVE MODE`); err != nil {
		return fmt.Errorf("replace wards: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM ward_regions`); err != nil {
		return fmt.Errorf("replace wards: %w", err)
	}
	var columns [4][]string
	for _, r := range list {
		for i, value := range []string{r.Ward, r.SubRegion, r.Municipality, r.Province} {
			columns[i] = append(columns[i], value)
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO ward_regions (ward_code, sub_region, municipality, province)
SELECT w, nullif(s, ''), nullif(m, ''), nullif(p, '')
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS list (w, s, m, p)`,
		pq.Array(columns[0]), pq.Array(columns[1]), pq.Array(columns[2]), pq.Array(columns[3])); err != nil {
		return fmt.Errorf("replace wards: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("replace wards: commit: %w", err)
	}
	return nil
}
