package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/app"
	"rollcall.example/services/report"
)

type verifyCmd struct {
	Job      string               `arg:"" help:"The job's id."`
	NATS     app.NATSSettings     `embed:""`
	Database app.DatabaseSettings `embed:""`
}

// errAltered is what the command ends with when something was; what has been printed.
var errAltered = errors.New("the job is not as it was")

// verification is the checks of one job and their results.
type verification struct {
	out     io.Writer
	altered int
}

func (v *verification) say(what string, err error) {
	if err == nil {
		fmt.Fprintf(v.out, "ok       %s\n", what)
		return
	}
	v.altered++
	fmt.Fprintf(v.out, "ALTERED  %s: %v\n", what, err)
}

// Run checks a job by the stream and the objects, as operator, and by the list of
// jobs where it is told of a database.
func (c *verifyCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" {
		return errors.New("verify: no NATS: give --nats, or read nats-cli.env of the data folder")
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("operator")
	if err != nil {
		return err
	}
	v := &verification{out: p.out}
	job, err := v.events(ctx, js, c.Job)
	if err != nil {
		return err
	}
	if c.Database.URL != "" {
		db, err := in.OpenDatabase(ctx, c.Database.URL)
		if err != nil {
			return err
		}
		if err := v.newest(ctx, db, &job); err != nil {
			return err
		}
	}
	store := events.NewStore(js)
	for _, a := range job.Inputs() {
		v.artifact(ctx, store, &job, a)
	}
	if r := job.Reported; r != nil {
		v.figures(&job)
		v.artifact(ctx, store, &job, r.Report)
		if r.Inputs != nil {
			v.inputs(&job)
			v.report(ctx, store, &job, p)
		}
	}
	if v.altered > 0 {
		return errAltered
	}
	fmt.Fprintln(p.out, "Nothing was altered.")
	return nil
}

// artifact fetches an object, which compares it with size and SHA-256 of its event. One
// that an erased event has removed is to be missing.
func (v *verification) artifact(ctx context.Context, store *events.Store, job *events.Job, a events.Artifact) {
	if e := job.Removed(a); e != nil {
		fmt.Fprintf(v.out, "removed  %s %s, on %s: %s\n", a.Bucket, a.Name, e.At.Format(time.DateOnly), e.Reason)
		return
	}
	file, err := store.Fetch(ctx, a)
	if err == nil {
		err = file.Close()
	}
	v.say(fmt.Sprintf("%s %s, SHA-256 %s", a.Bucket, a.Name, a.SHA256), err)
}

// figures compares the counts of the reported event with those of the stages.
func (v *verification) figures(job *events.Job) {
	var err error
	if job.Reported.Validation != report.Completed(job) || job.Reported.Database != job.Persisted.Stats {
		err = errors.New("they are not those of the stages")
	}
	v.say("the report's figures", err)
}

// inputs compares what the report says it was made of with what the events say.
func (v *verification) inputs(job *events.Job) {
	var err error
	if !slices.Equal(job.Reported.Inputs, job.Inputs()) {
		err = errors.New("they are not those of the events")
	}
	v.say("the report's inputs", err)
}

// report makes the report again.
func (v *verification) report(ctx context.Context, store *events.Store, job *events.Job, p *process) {
	for _, a := range append(job.Inputs()[1:], job.Reported.Report) { // the first, the upload, is nothing that it is made of
		if job.Removed(a) != nil {
			fmt.Fprintln(v.out, "removed  what the report could be made of again")
			return
		}
	}
	sum := sha256.New()
	err := report.New(report.Config{Store: store, WardTarget: job.Reported.WardTarget, Logger: p.log}).Rebuild(ctx, job, sum)
	if got := hex.EncodeToString(sum.Sum(nil)); err == nil && got != job.Reported.Report.SHA256 {
		err = fmt.Errorf("made again its SHA-256 is %s", got)
	}
	v.say("the report, made again of its inputs", err)
}
