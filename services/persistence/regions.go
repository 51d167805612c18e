package persistence

import (
	"context"
	"fmt"
)

// fillRegions gives the rows whose file names no region that of the member's
// ward, where ward_regions has it: the ward of the file, else the one an
// earlier file gave, else the IEC's. It reads the mapping once, so that what is
// recorded of a row and what is written of it agree even if a new mapping is
// loaded meanwhile. Members are not locked yet: if another job moves one at
// this very time, the region is that of the ward it moves from, until the next
// upload.
var fillRegions = func() string {
	merged := map[string]string{}
	for _, c := range columns {
		merged[c.name] = c.merged()
	}
	return `UPDATE incoming blank SET region = w.sub_region
FROM incoming i LEFT JOIN members m USING (id_number)
JOIN ward_regions w ON w.ward_code = coalesce(` + merged["ward_code"] + ", " + merged["iec_ward"] + `)
WHERE blank.id_number = i.id_number AND i.region IS NULL`
}()

func (m *merge) fillRegions(ctx context.Context) error {
	if _, err := m.tx.ExecContext(ctx, fillRegions); err != nil {
		return fmt.Errorf("fill regions: %w", safe(err))
	}
	return nil
}
