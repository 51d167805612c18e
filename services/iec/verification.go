package iec

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

const (
	// answerTime is how long an answer that is paid for may still take to arrive
	// and be kept once the work has to stop.
	answerTime = 800 * time.Millisecond
	// claimWait is how long to wait at first for the answer to another job.
	claimWait = 20 * time.Millisecond
)

// verification is the work on one job's rows.
type verification struct {
	service *Service
	job     *events.Job
	line    *line
	// small says that the job may use what of the quota is kept for small ones.
	small         bool
	calls, cached atomic.Int64
	traced        atomic.Int64 // calls that had a span, or would have
}

// answered is a verdict, and whether the IEC was asked for it just now.
type answered struct {
	records.Verdict
	asked bool
}

// ready is the verdict of a row for which nothing is left to do.
func (v *verification) ready(row item) (a answered, ok bool) {
	if v.job.Options.SkipIEC {
		return answered{Verdict: records.Verdict{N: row.N, Status: records.Unverified, Reason: ReasonDisabled}}, true
	}
	if row.known == nil {
		return a, false
	}
	v.cached.Add(1)
	row.known.N = row.N
	return answered{Verdict: *row.known}, true
}

// verdict answers for one row that is not ready: from the cache, or from the IEC
// within the quota. While another job asks about the same person, its answer is
// waited for.
func (v *verification) verdict(ctx context.Context, row item) (answered, error) {
	for wait := claimWait; ; wait = min(2*wait, 16*claimWait) {
		claim, err := v.service.cfg.Cache.claim(ctx, row.ID, v.job.ID)
		if err != nil {
			return answered{}, err
		}
		if claim != nil {
			if a, err := v.ask(ctx, row.Row, claim); !errors.Is(err, errClaimLost) {
				return a, err
			}
		}
		select {
		case <-ctx.Done():
			return answered{}, fmt.Errorf("wait for the answer to another job: %w", context.Cause(ctx))
		case <-time.After(wait):
		}
		if a, ok, err := v.known(ctx, row.Row); ok || err != nil {
			return a, err
		}
	}
}

// known looks for an answer that was given already. It does so although the
// rest has stopped: a pause says how many rows have their verdicts.
func (v *verification) known(ctx context.Context, row *records.Row) (a answered, ok bool, err error) {
	a.Verdict, ok, err = v.service.cfg.Cache.Get(context.WithoutCancel(ctx), row.ID, v.job.CreatedAt)
	if ok {
		v.cached.Add(1)
		a.N = row.N
	}
	return a, ok, err
}

// ask asks the IEC and writes the answer down. Only then others may ask again.
func (v *verification) ask(ctx context.Context, row *records.Row, claim *claim) (a answered, err error) {
	s := v.service
	defer func() {
		if rerr := claim.release(ctx); rerr != nil {
			s.cfg.Logger.WarnContext(ctx, "others wait for nothing until the claim ends", "job", v.job.ID, "err", rerr)
		}
	}()
	// Whoever had the claim before may have been answered since we looked.
	if a, ok, err := v.known(ctx, row); ok || err != nil {
		return a, err
	}
	// A call under way is seen through although the rest has stopped.
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		t := time.AfterFunc(answerTime, cancel)
		context.AfterFunc(call, func() { t.Stop() })
	})()
	verdict, err := v.lookup(ctx, call, row.ID, claim)
	if err == nil || unanswerable(err) != "" {
		v.calls.Add(1)
	}
	if reason := unanswerable(err); reason != "" {
		return answered{records.Verdict{N: row.N, Status: records.Unverified, Reason: reason}, true}, nil
	}
	if err != nil {
		return answered{}, err
	}
	verdict.N = row.N
	return answered{verdict, true}, nil
}

// unanswerable is why a person cannot be verified although the API works, ""
// for all other errors.
func unanswerable(err error) string {
	var refused *RowError
	var malformed *MalformedError
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("http_%d", refused.Status)
	case errors.As(err, &malformed):
		return ReasonMalformed
	}
	return ""
}

// lookup makes the call when it is the job's turn, and keeps the answer. It is seen
// through although ctx ends, but no new attempt is begun then. The turn is over
// only when the answer is kept: a process that dies loses no more answers than it
// has turns, however slow NATS is.
func (v *verification) lookup(ctx, call context.Context, id string, claim *claim) (records.Verdict, error) {
	if err := v.line.take(ctx); err != nil {
		return records.Verdict{}, err
	}
	defer v.service.turns.give()
	if v.traced.Add(1) > tracedCalls {
		call = untraced(call)
	}
	verdict, err := v.service.cfg.Client.Lookup(call, id, func(call context.Context) error {
		if ctx.Err() != nil {
			return fmt.Errorf("ask: %w", context.Cause(ctx))
		}
		if err := claim.keep(call); err != nil {
			return err
		}
		return v.service.cfg.Quota.Acquire(call, v.small)
	})
	if err != nil {
		return records.Verdict{}, err
	}
	return verdict, v.service.cfg.Cache.Put(call, id, verdict)
}
