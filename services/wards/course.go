package wards

import (
	"context"
	"fmt"
	"time"
)

// Point is where the organisation stood at a time.
type Point struct {
	// At is the end of a day of South Africa, or now.
	At time.Time `json:"at"`
	Counts
	// Reached counts the wards that had reached the target.
	Reached int `json:"wards_reached"`
}

// dayOfSQL is the beginning of the day of South Africa on which something changed.
const dayOfSQL = `date_trunc('day', at AT TIME ZONE interval '2 hours') AT TIME ZONE interval '2 hours'`

// Course returns where the organisation stood at each of several times, which are in
// order. What is asked for is that of Stand.
func (b *Book) Course(ctx context.Context, q Query, times []time.Time) ([]Point, error) {
	known, err := readDirectory(ctx, b.db)
	if err != nil {
		return nil, err
	}
	last := times[len(times)-1]
	rows, err := b.db.QueryxContext(ctx, `SELECT `+dayOfSQL+` AS day, `+placesSQL+`, `+sumsSQL+`
FROM ward_changes WHERE at <= $1 GROUP BY 1, `+placesSQL+` ORDER BY 1`, last)
	if err != nil {
		return nil, fmt.Errorf("count wards over time: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	points, t := make([]Point, 0, len(times)), newTally(q, known, b.target)
	settle := func(at time.Time) {
		s := t.standing()
		points = append(points, Point{At: at, Counts: s.Total.Counts, Reached: s.Total.Reached})
	}
	for rows.Next() {
		var c change
		if err := rows.StructScan(&c); err != nil {
			return nil, fmt.Errorf("count wards over time: %w", err)
		}
		for len(points) < len(times)-1 && c.Day.After(times[len(points)]) {
			settle(times[len(points)])
		}
		t.add(&c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count wards over time: %w", err)
	}
	for len(points) < len(times) {
		settle(times[len(points)])
	}
	return points, nil
}
