// Package verify recomputes a job from the stream and says what, if anything, was
// altered: events that were taken out or put in, artifacts, figures and the report.
package verify

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
)

// Config is what a verification works with. All but NewestSeq is required.
type Config struct {
	// JetStream is a connection as the user investigator.
	JetStream jetstream.JetStream
	// NewestSeq returns the sequence of the newest event that the list of jobs has seen of
	// a job, 0 for none. It alone can tell that the newest event was taken out. Nil leaves
	// that out.
	NewestSeq func(ctx context.Context, jobID string) (uint64, error)
	// Figures returns the counts that the report of a persisted job has.
	Figures func(*events.Job) events.ValidationStats
	// Rebuild writes the report of a job again from its artifacts.
	Rebuild func(ctx context.Context, job *events.Job, to io.Writer) error
	// Say hears of each thing that was looked at, as soon as it was.
	Say func(Finding)
}

// State is how something was found.
type State string

// States of what was looked at.
const (
	OK      State = "ok"
	Altered State = "ALTERED"
	// Removed is no alteration: the erased event says so.
	Removed State = "removed"
)

// Finding is one thing that was looked at.
type Finding struct {
	State State
	// What was looked at.
	What string
	// Err says how it was altered; nil where it was not.
	Err error
}

// ErrAltered says that something was altered. Config.Say has heard what.
var ErrAltered = errors.New("the job is not as it was")

// Job verifies a job. The error is ErrAltered when something was altered, and
// events.ErrNotFound when there is no such job.
func Job(ctx context.Context, cfg Config, id string) error {
	v := &verification{Config: cfg}
	job, err := v.verifyEvents(ctx, id)
	if err != nil {
		return err
	}
	if v.NewestSeq != nil {
		if err := v.verifyNewest(ctx, &job); err != nil {
			return err
		}
	}
	store := events.NewNotedStore(v.JetStream)
	for _, a := range job.Inputs() {
		v.verifyArtifact(ctx, store, &job, a)
	}
	if r := job.Reported; r != nil {
		v.verifyFigures(&job)
		v.verifyArtifact(ctx, store, &job, r.Report)
		for _, a := range []*events.Artifact{r.Rejects, r.Index} {
			if a != nil {
				v.verifyArtifact(ctx, store, &job, *a)
			}
		}
		if r.Inputs != nil {
			v.verifyInputs(&job)
			v.verifyReport(ctx, &job)
		}
	}
	if v.altered > 0 {
		return ErrAltered
	}
	return nil
}

// verification is the checks of one job.
type verification struct {
	Config
	altered int
}

// judge says that something is altered if err is not nil.
func (v *verification) judge(what string, err error) {
	state := OK
	if err != nil {
		v.altered++
		state = Altered
	}
	v.Say(Finding{state, what, err})
}

// verifyArtifact fetches an object, which compares it with size and SHA-256 of its event.
// One that an erased event has removed is to be missing.
func (v *verification) verifyArtifact(
	ctx context.Context, store *events.Store, job *events.Job, a events.Artifact,
) {
	if e := job.Removed(a); e != nil {
		what := fmt.Sprintf("%s %s, on %s: %s", a.Bucket, a.Name, e.At.Format(time.DateOnly), e.Reason)
		v.Say(Finding{State: Removed, What: what})
		return
	}
	file, err := store.Fetch(ctx, a)
	if err == nil {
		err = file.Close()
	}
	v.judge(fmt.Sprintf("%s %s, SHA-256 %s", a.Bucket, a.Name, a.SHA256), err)
}

// verifyFigures compares the counts of the reported event with those of the stages.
func (v *verification) verifyFigures(job *events.Job) {
	var err error
	if job.Reported.Validation != v.Figures(job) || job.Reported.Database != job.Persisted.Stats {
		err = errors.New("they are not those of the stages")
	}
	v.judge("the report's figures", err)
}

// verifyInputs compares what the report says it was made of with what the events say.
func (v *verification) verifyInputs(job *events.Job) {
	var err error
	if !slices.Equal(job.Reported.Inputs, job.Inputs()) {
		err = errors.New("they are not those of the events")
	}
	v.judge("the report's inputs", err)
}

// verifyReport makes the report again.
func (v *verification) verifyReport(ctx context.Context, job *events.Job) {
	// The first input, the upload, is nothing that a report is made of.
	for _, a := range append(job.Inputs()[1:], job.Reported.Report) {
		if job.Removed(a) != nil {
			v.Say(Finding{State: Removed, What: "what the report could be made of again"})
			return
		}
	}
	sum := sha256.New()
	err := v.Rebuild(ctx, job, sum)
	if got := hex.EncodeToString(sum.Sum(nil)); err == nil && got != job.Reported.Report.SHA256 {
		err = fmt.Errorf("made again its SHA-256 is %s", got)
	}
	v.judge("the report, made again of its inputs", err)
}
