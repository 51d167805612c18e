package persistence

import (
	"context"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// countVerdicts returns the counts of a job's verdicts without those that are
// withheld, whose row numbers are sorted. It returns nil where none is.
func (s *Service) countVerdicts(ctx context.Context, job *events.Job, withheld []int) (*events.IECStats, error) {
	if len(withheld) == 0 {
		return nil, nil
	}
	stats := events.IECStats{Calls: job.Verified.Stats.Calls, Cached: job.Verified.Stats.Cached}
	for v, err := range records.Each[records.Verdict](ctx, s.store, job.Verified.Verdicts, nil) {
		if err != nil {
			return nil, err
		}
		if _, found := slices.BinarySearch(withheld, v.N); found {
			continue
		}
		stats.Total++
		switch v.Status {
		case records.Registered:
			stats.Registered++
		case records.NotRegistered:
			stats.NotRegistered++
		case records.Deceased:
			stats.Deceased++
		case records.International:
			stats.International++
		default:
			stats.Unverified++
		}
	}
	return &stats, nil
}
