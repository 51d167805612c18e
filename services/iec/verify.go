package iec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/answers"
)

const (
	// answerTime is how long a call in progress may take to be answered and stored
	// once the work has to stop.
	answerTime = 800 * time.Millisecond
	// claimWait is the first wait for the answer to another job.
	claimWait = 20 * time.Millisecond
)

// verification is the work on one job's rows.
type verification struct {
	service *Service
	job     *events.Job
	queue   *jobQueue
	// own are the calls that the uploader may make.
	own *allowance
	// smallJob allows the calls that are reserved for small jobs.
	smallJob      bool
	calls, cached atomic.Int64
	spans         atomic.Int64 // calls counted against maxCallSpans
	unanswered    unansweredPeople

	// skipped is how many rows goOn leaves out, and settled are the verdicts of people whom
	// it found no valid answer about, by row.
	skipped int
	settled map[int]rowVerdict

	// Of the goroutine that emits verdicts: rows that are through, those of them that were
	// set aside, the counts of verdicts, the speed.
	done  int
	aside int
	stats events.IECStats
	pace  pace
}

// rowVerdict is a verdict and whether a call was made for it.
type rowVerdict struct {
	records.Verdict
	called bool
	// aside says that the verdict counts only if the round ends so.
	aside bool
}

// answerAtHand returns the verdict of a row that needs no further work.
func (v *verification) answerAtHand(row sought) (a rowVerdict, ok bool) {
	if v.job.Options.SkipIEC {
		return rowVerdict{Verdict: records.Verdict{N: row.N, Status: records.Unverified, Reason: ReasonDisabled}}, true
	}
	if row.answer.IsZero() {
		a, ok = v.settled[row.N]
		return a, ok
	}
	v.cached.Add(1)
	v.service.breaker.noteControl(row.ID)
	return rowVerdict{Verdict: row.answer.Verdict(row.N)}, true
}

// verify returns the verdict of a row that answerAtHand has none for: from the
// answers, or from the IEC within the quota. While another job asks about the same
// person, it waits for that answer.
func (v *verification) verify(ctx context.Context, row sought) (rowVerdict, error) {
	for wait := claimWait; ; wait = min(2*wait, 16*claimWait) {
		claim, err := v.service.cfg.Answers.Claim(ctx, row.ID, v.job.ID)
		if err != nil {
			return rowVerdict{}, err
		}
		if claim != nil {
			if a, err := v.askWithClaim(ctx, row, claim); !errors.Is(err, answers.ErrClaimLost) {
				return a, err
			}
		}
		select {
		case <-ctx.Done():
			return rowVerdict{}, fmt.Errorf("wait for another job's answer: %w", context.Cause(ctx))
		case <-time.After(wait):
		}
		if a, ok, err := v.findKept(ctx, row); ok || err != nil {
			return a, err
		}
	}
}

// findKept looks for an answer that was given since the row was looked up, even when the
// work has to stop: a pause says how many rows have their verdicts.
func (v *verification) findKept(ctx context.Context, row sought) (a rowVerdict, ok bool, err error) {
	kept, err := v.service.cfg.Answers.Get(context.WithoutCancel(ctx), row.ID, v.job.CreatedAt, row.seen)
	if err != nil || kept.IsZero() {
		return a, false, err
	}
	v.cached.Add(1)
	return rowVerdict{Verdict: kept.Verdict(row.N)}, true, nil
}

// askWithClaim asks the IEC and stores the answer, which ends the claim. Others may ask only
// after that.
func (v *verification) askWithClaim(ctx context.Context, row sought, claim *answers.Claim) (a rowVerdict, err error) {
	s := v.service
	kept := false
	defer func() {
		if kept {
			return
		}
		if rerr := claim.Release(ctx); rerr != nil {
			s.cfg.Logger.WarnContext(ctx, "a claim was not released; other jobs with this person wait until it ends",
				"err", rerr)
		}
	}()
	// The previous holder of the claim may have been answered since we looked.
	if a, ok, err := v.findKept(ctx, row); ok || err != nil {
		return a, err
	}
	// A call in progress is finished even when the work has to stop.
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		t := time.AfterFunc(answerTime, cancel)
		context.AfterFunc(call, func() { t.Stop() })
	})()
	began := time.Now()
	verdict, err := v.lookUp(ctx, call, row.ID, claim)
	if err == nil || unverifiedReason(err) != "" {
		v.calls.Add(1)
	}
	if isAboutPerson(err) || errors.Is(err, errTriedInVain) {
		return v.setAside(row.N, claim.Person(), began, err), nil
	}
	if err != nil {
		return rowVerdict{}, err
	}
	kept = true
	verdict.N = row.N
	return rowVerdict{Verdict: verdict, called: true}, nil
}

// unverifiedReason returns why a person cannot be verified although the API works;
// "" for all other errors.
func unverifiedReason(err error) string {
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

// lookUp makes the call when it is the job's turn, and stores the answer. A call in
// progress is finished although ctx ends, but no new attempt begins then. The turn
// ends when there is room for the answer among those that are being stored: a process that
// dies loses no more answers than it has turns and such room, however slow NATS is.
func (v *verification) lookUp(ctx, call context.Context, id string, claim *answers.Claim) (records.Verdict, error) {
	if err := v.queue.acquire(ctx); err != nil {
		return records.Verdict{}, err
	}
	endTurn := sync.OnceFunc(v.service.turns.release)
	defer endTurn()
	if v.spans.Add(1) > maxCallSpans {
		call = withoutSpans(call)
	}
	b := v.service.breaker
	probe, err := b.enter(ctx, v.queue.job, claim.Person())
	if err != nil {
		return records.Verdict{}, err
	}
	tries := 1 + maxRetries
	if probe || v.unanswered.askedBefore(claim.Person()) {
		tries = 1
	}
	settle := v.settleCall(id, claim.Person())
	var last error // of the call before
	verdict, err := v.service.cfg.Client.ask(call, id, tries, func(call context.Context) error {
		if ctx.Err() != nil {
			return fmt.Errorf("ask: %w", context.Cause(ctx))
		}
		if err := v.mayAskAgain(ctx, last); err != nil {
			return err
		}
		if err := claim.Renew(call); err != nil {
			return err
		}
		return v.acquireCall(call)
	}, func(call context.Context, err error) error {
		last = err
		return settle(call, err)
	})
	if err = v.judge(ctx, err, probe); err != nil {
		return records.Verdict{}, err
	}
	select {
	case v.service.keeping <- struct{}{}:
		defer func() { <-v.service.keeping }()
		endTurn()
	case <-call.Done():
		return records.Verdict{}, fmt.Errorf("store answer: %w", context.Cause(call))
	}
	return verdict, v.service.cfg.Answers.Put(call, id, verdict)
}

// judge returns the error of a lookup, or that of the outage that it shows.
func (v *verification) judge(ctx context.Context, err error, probe bool) error {
	b := v.service.breaker
	stored := context.WithoutCancel(ctx)
	switch {
	case err == nil:
		return nil
	case isToken(err) && endsOutage(err), errors.Is(err, ErrCredentials):
		return b.begin(stored, err, true)
	case probe:
		if ctx.Err() == nil && endsOutage(err) {
			return b.begin(stored, err, true)
		}
		return errors.Join(err, b.endProbe(stored)) // not asked after all
	}
	return cmp.Or(v.mayAskAgain(ctx, err), err)
}

// mayAskAgain returns nil, or an *outageError when nobody is answered. last is the error
// of the call before; nil when there was none.
func (v *verification) mayAskAgain(ctx context.Context, last error) error {
	b := v.service.breaker
	if last == nil || !isAboutPerson(last) {
		return nil
	}
	if o := b.current(); o != nil && o.forbids(b.clock.Now()) {
		return &outageError{*o}
	}
	if !b.isSuspicious() {
		return nil
	}
	return v.checkAnswers(ctx, time.Now().Add(answerIsFresh), last)
}

// acquireCall allows one call of the uploader's part and of the quota of all, or
// returns a *SpentError.
func (v *verification) acquireCall(ctx context.Context) error {
	if err := v.own.acquire(ctx); err != nil {
		return err
	}
	if err := v.service.cfg.Quota.Acquire(ctx, v.smallJob); err != nil {
		v.own.giveBack()
		return err
	}
	return nil
}
