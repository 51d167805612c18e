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

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/services/report"
)

type verifyCmd struct {
	Job string `arg:"" help:"The job's id."`
	natsSettings
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

// Run checks a job by the stream and the objects alone, as operator.
func (c *verifyCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS == "" {
		return errors.New("verify: no NATS: give --nats, or read nats-cli.env of the data folder")
	}
	in := &infra{p: p}
	defer func() { err = errors.Join(err, in.close()) }()
	in.externalNATS(c.natsSettings)
	js, err := in.user("operator")
	if err != nil {
		return err
	}
	v := &verification{out: p.out}
	job, err := v.events(ctx, js, c.Job)
	if err != nil {
		return err
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

// events reads all messages of the job and folds them: each must be what it says
// of itself, and follow from those before it.
func (v *verification) events(ctx context.Context, js jetstream.JetStream, id string) (job events.Job, err error) {
	if !events.ValidJobID(id) {
		return job, events.ErrNotFound
	}
	seen := map[uint64]bool{}
	for from, more := uint64(1), true; more; {
		var msgs []*jetstream.RawStreamMsg
		if msgs, more, err = events.Read(ctx, js, events.StreamFacts, events.JobFilter(id), from); err != nil {
			return job, err
		}
		for _, m := range msgs {
			from = m.Sequence + 1
			e, err := events.Decode(m.Subject, m.Header, m.Data, m.Sequence)
			if err == nil {
				err = errors.Join(caused(e, seen), job.Apply(e))
			}
			if err != nil {
				v.say(fmt.Sprintf("event %d", m.Sequence), err)
			}
			seen[m.Sequence] = true
		}
	}
	if job.ID == "" {
		return job, events.ErrNotFound
	}
	if v.altered == 0 {
		v.say(fmt.Sprintf("%d events, %d to %d, follow from each other", len(seen), job.FirstSeq, job.Seq), nil)
	}
	return job, nil
}

// caused says whether the event that led to e is still there. Of a cancelled job
// that was retried both events can be taken out and what is left is a history
// that could be: only the cause of what came after names what is missing.
func caused(e events.Event, seen map[uint64]bool) error {
	if e.Kind != events.KindUploaded && !seen[e.Cause] {
		return fmt.Errorf("its cause, event %d, is not there", e.Cause)
	}
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
