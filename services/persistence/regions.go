package persistence

import (
	"context"
	"fmt"
)

// fillRegionsSQL sets the region of each row whose file names none. It takes the
// region that ward_regions has for the member's ward: the ward of the file, else
// that of an earlier file, else the IEC's. It reads the mapping once per job, so
// recorded and written values agree even if a new mapping is loaded meanwhile.
// Members are not locked yet. If another job changes a member's ward at the same
// time, the region may be that of the old ward until the next upload.
func fillRegionsSQL(clears bool) string {
	merged := map[string]string{}
	for _, c := range columns {
		merged[c.name] = c.mergedSQL(clears)
	}
	unlessCleared := ""
	if clears {
		unlessCleared = " AND ('region' = ANY (i.cleared)) IS NOT TRUE"
	}
	return `UPDATE incoming target SET region = w.sub_region
FROM incoming i LEFT JOIN members m USING (id_number)
JOIN ward_regions w ON w.ward_code = coalesce(` + merged["ward_code"] + ", " + merged["iec_ward"] + `)
  AND w.sub_region IS NOT NULL
WHERE target.id_number = i.id_number AND i.region IS NULL` + unlessCleared
}

func (m *merge) fillRegions(ctx context.Context) error {
	if _, err := m.tx.ExecContext(ctx, m.sql.fillRegions); err != nil {
		return fmt.Errorf("fill regions: %w", redact(err))
	}
	return nil
}
