package wards

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
)

// Of returns the wards that lie in an area of provinces or municipalities, sorted.
// It returns nil where that is not known of each of them, and for areas of another
// level.
func Of(ctx context.Context, db *sqlx.DB, area events.Area) ([]string, error) {
	column := ""
	switch area.Level {
	case events.AreaProvince:
		column = "province"
	case events.AreaMunicipality:
		column = "municipality"
	default:
		return nil, nil
	}
	var list []struct {
		Ward string `db:"ward_code"`
		Code string `db:"code"`
	}
	err := db.SelectContext(ctx, &list, `SELECT ward_code, `+column+` AS code FROM ward_regions
WHERE `+column+` = ANY ($1) ORDER BY ward_code`, pq.Array(area.Codes))
	if err != nil {
		return nil, fmt.Errorf("find wards of an area: %w", err)
	}
	wards, known := make([]string, 0, len(list)), map[string]bool{}
	for _, w := range list {
		wards = append(wards, w.Ward)
		known[w.Code] = true
	}
	for _, code := range area.Codes {
		if !known[code] {
			return nil, nil
		}
	}
	if len(wards) == 0 {
		return nil, nil
	}
	return wards, nil
}
