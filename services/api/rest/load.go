package rest

import (
	"context"
	"errors"
	"time"

	"rollcall.example/events"
)

// Load returns a job with which the person may do what they ask for. Nobody who
// may not see it learns that it exists.
func (d *Desk) Load(ctx context.Context, id string, who Caller) (events.Job, error) {
	return d.LoadWith(ctx, id, who, func(*events.Job) bool { return true })
}

// LoadWith is Load for who asks for what a job has later. Nobody is told of a replica that
// lags that a job does not exist, or has not come so far.
func (d *Desk) LoadWith(ctx context.Context, id string, who Caller, has func(*events.Job) bool) (events.Job, error) {
	job, err := d.Log.Load(ctx, id)
	if errors.Is(err, events.ErrNotFound) || err == nil && !has(&job) {
		job, err = d.Log.LoadCurrent(ctx, id)
	}
	return permit(who, job, err)
}

// LoadCurrent is Load for who changes a job: a replica that lags does not decide whether
// they may.
func (d *Desk) LoadCurrent(ctx context.Context, id string, who Caller) (events.Job, error) {
	job, err := d.Log.LoadCurrent(ctx, id)
	return permit(who, job, err)
}

// confirmTime is how long it may take to ask whether a job has come further.
const confirmTime = time.Second

// LoadConfirmed is Load for who shows where a job stands. Stale says that nobody could tell
// whether the job has come further than the server knows that answers: that one may be cut
// off from the others.
func (d *Desk) LoadConfirmed(ctx context.Context, id string, who Caller) (job events.Job, stale bool, err error) {
	cctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	job, err = d.Log.LoadCurrent(cctx, id)
	if unconfirmed := err; err != nil && !errors.Is(err, events.ErrNotFound) && ctx.Err() == nil {
		job, err = d.Log.Load(ctx, id)
		stale = err == nil
		if errors.Is(err, events.ErrNotFound) {
			err = unconfirmed // it may exist
		}
	}
	job, err = permit(who, job, err)
	return job, stale, err
}

// permit passes on a job that was loaded, if the person may do with it what they ask for.
func permit(who Caller, job events.Job, err error) (events.Job, error) {
	if err != nil {
		return events.Job{}, err
	}
	if err := who.MayOn(who.Wants, &job); err != nil {
		return events.Job{}, err
	}
	return job, nil
}
