package wards

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Replace makes list the whole mapping, in one transaction: concurrent readers see
// the earlier one. An empty list leaves no mapping. It does not touch members;
// their next upload applies the mapping.
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
	codes, regions := make([]string, len(list)), make([]string, len(list))
	for i, r := range list {
		codes[i], regions[i] = r.Ward, r.SubRegion
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO ward_regions (ward_code, sub_region)
SELECT * FROM unnest($1::text[], $2::text[])`, pq.Array(codes), pq.Array(regions)); err != nil {
		return fmt.Errorf("replace wards: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("replace wards: commit: %w", err)
	}
	return nil
}
