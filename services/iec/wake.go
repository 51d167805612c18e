package iec

import (
	"context"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/stage"
)

// Wake chooses which parked jobs go on, for stage.Runner. During an outage it is one job,
// when one call may try again; when the outage is over, none waits for it any longer.
// Else they are those whose time has come, as many as the free calls of the quota suffice
// for.
func (s *Service) Wake(ctx context.Context, now time.Time, parked []stage.Parked) []stage.Parked {
	o, _, err := readOutage(ctx, s.breaker.kv)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "parked jobs wait, the outage cannot be read", "err", err)
		return nil
	}
	if o != nil && (o.forbids(now) || o.isProbing(now)) {
		return nil
	}
	due := slices.DeleteFunc(slices.Clone(parked), func(p stage.Parked) bool {
		return p.Waits(now) && (o != nil || !slices.Contains(OutageReasons, p.Reason))
	})
	if len(due) == 0 {
		return nil
	}
	if o != nil {
		return due[:1]
	}
	q := s.cfg.Quota
	st, err := q.State(ctx)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "parked jobs wait, the quota cannot be read", "err", err)
		return nil
	}
	return chooseByCalls(due, q, st)
}

// chooseByCalls returns the first jobs that the free calls suffice for, and one more that
// gets what is left.
func chooseByCalls(due []stage.Parked, q *Quota, st events.Quota) (chosen []stage.Parked) {
	spoken := 0
	for _, p := range due {
		free := q.AsSeenBy(q.IsSmallJob(p.Total), st).Limit - st.Used
		if spoken >= free {
			continue // a small job may still find calls that are reserved
		}
		chosen = append(chosen, p)
		spoken += p.Left
	}
	return chosen
}
