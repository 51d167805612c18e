package events

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotAllowed marks a fact that the job's present state does not allow.
var ErrNotAllowed = errors.New("not allowed in this state")

// Job is the fold of a job's facts, and the only place where its state comes
// from. The zero Job is an unknown job.
type Job struct {
	ID       string
	Owner    User
	FileName string
	Options  Options
	Status   Status
	Standing Standing
	// Stage is the stage that works on the job, or that worked on it last.
	Stage Stage
	// Kind is the kind of the newest fact. Erased does not count.
	Kind Kind
	// FirstSeq and Seq are the stream sequences of the first and the last
	// message on the job's subjects, archives left out.
	FirstSeq, Seq uint64
	// Archived is the sequence of the archive that has all messages up to Seq; 0
	// while there is none. It guards the next append, else Seq does.
	Archived uint64
	// Trigger is the sequence of the fact that Stage works on. CancelledTrigger is
	// what it was when somebody last cancelled the job; 0 when nobody has.
	Trigger, CancelledTrigger uint64
	// Attempt is the sequence of the newest fact retried; 0 while nobody has retried
	// the job.
	Attempt uint64
	// Woken is the sequence of the fact resumed that Stage goes on with instead of
	// Trigger, since a pause; 0 while there is none.
	Woken uint64
	// Trace is the traceparent of the upload; "" when nobody traced it. All
	// spans of the job belong to that trace.
	Trace     string
	CreatedAt time.Time
	UpdatedAt time.Time

	// The newest fact of each kind; nil when there is none.
	Uploaded  *Uploaded
	Validated *Validated
	Verified  *Verified
	Persisted *Persisted
	Reported  *Reported
	// Paused is set while the job is paused. Failed and Cancelled are set when
	// the job ended in that way.
	Paused    *Paused
	Failed    *Failed
	Cancelled *Cancelled
	// Proposed is set from the proposal on, unless a retry began anew. Approved
	// is set when it was approved, Declined when that ended the job. A retry of a
	// cancelled job has to be approved again.
	Proposed *Proposed
	Approved *Approved
	Declined *Declined
	// WorkerDied says that Stage has failed once before because the job killed its
	// workers. A retry is allowed once.
	WorkerDied bool
	// Erasures are the facts erased, oldest first. The facts above name the
	// artifacts after all of them.
	Erasures []*Erased
}

// Fold returns the job that the events make, applied in order.
func Fold(list []Event) (Job, error) {
	var j Job
	for _, e := range list {
		if err := j.Apply(e); err != nil {
			return j, err
		}
	}
	return j, nil
}

// guard returns the sequence of the job's last message.
func (j *Job) guard() uint64 { return max(j.Seq, j.Archived) }

// Ended reports whether the job has ended.
func (j *Job) Ended() bool { return j.Kind.Terminal() }

// Inputs returns the artifacts that the report is made of: upload, rows,
// rejects, verdicts and outcomes. It leaves out those that no fact names yet.
func (j *Job) Inputs() (list []Artifact) {
	if j.Uploaded != nil {
		list = append(list, j.Uploaded.File)
	}
	if j.Validated != nil {
		list = append(list, j.Validated.Rows, j.Validated.Rejects)
	}
	if j.Verified != nil {
		list = append(list, j.Verified.Verdicts)
	}
	if j.Persisted != nil {
		list = append(list, j.Persisted.Outcomes)
	}
	return list
}

// Next returns the stage whose turn it is; "" when the job has ended or waits
// for approval.
func (j *Job) Next() Stage {
	if j.Ended() || j.Awaiting() {
		return ""
	}
	return j.Stage
}

// Asks returns the sequence of the fact that asks for the work of Stage: Trigger, or
// Woken once the job has paused.
func (j *Job) Asks() uint64 {
	if j.Woken != 0 {
		return j.Woken
	}
	return j.Trigger
}

// MayWait reports whether rows of the job may wait for somebody of another area.
// Until its outcomes are known, nothing that was found out about a row is shown.
// An undo names the rows of the job that it undoes, whose area may be another one.
func (j *Job) MayWait() bool {
	return j.Area().Level != AreaCountry || j.Options.Undoes != ""
}

// Awaiting reports whether the job waits for approval.
func (j *Job) Awaiting() bool { return j.Status == StatusAwaiting }

// Area returns where the job may read and change members.
func (j *Job) Area() Area {
	if j.Uploaded == nil {
		return Area{}
	}
	if j.Uploaded.Area == nil {
		return Country()
	}
	return *j.Uploaded.Area
}

// Allows returns nil when fact may be appended now; else an error that wraps
// ErrNotAllowed. Append asks it first, and Apply asks it again.
func (j *Job) Allows(fact Fact) error {
	kind := fact.FactKind()
	refuse := func(why string) error {
		return fmt.Errorf("append %s after %q: %w: %s", kind, j.Kind, ErrNotAllowed, why)
	}
	if j.ID == "" || j.Uploaded == nil {
		if kind != KindUploaded {
			return refuse("the job does not exist")
		}
		return nil
	}
	if r, ok := fact.(*Retried); ok {
		switch {
		case !j.Ended():
			return refuse("the job is still running")
		case j.Kind == KindReported:
			return refuse("the job is complete")
		case j.Kind == KindDeclined:
			return refuse("the job was declined")
		case j.Failed != nil && !j.Failed.Retryable:
			return refuse("a retry cannot fix this failure")
		case j.Expired() != nil:
			return refuse("its data has been deleted")
		case r.Stage != j.Stage:
			return refuse("another stage must be retried")
		}
		return nil
	}
	if e, ok := fact.(*Erased); ok {
		if !j.Ended() || e.Status != j.Status {
			return refuse("the job did not end in that way")
		}
		return nil
	}
	if j.Ended() {
		return refuse("the job has ended")
	}
	switch fact.(type) {
	case *Approved, *Declined:
		if !j.Awaiting() {
			return refuse("the job does not wait for approval")
		}
		return nil
	case *Cancelled:
	default:
		if j.Awaiting() {
			return refuse("the job waits for approval")
		}
	}
	switch f := fact.(type) {
	case *Uploaded:
		return refuse("the job exists")
	case *Validated, *Verified, *Persisted, *Reported:
		if kind != j.Stage.Produces() {
			return refuse("it is not this stage's turn")
		}
		if j.Paused != nil {
			return refuse("the job is paused")
		}
	case *Proposed:
		if j.Stage != StagePersistence || j.Paused != nil {
			return refuse("it is not this stage's turn")
		}
	case *Paused:
		if f.Stage != j.Stage || j.Paused != nil {
			return refuse("the stage is not working")
		}
	case *Resumed:
		if f.Stage != j.Stage || j.Paused == nil {
			return refuse("the job is not paused")
		}
	case *Warned:
		if f.Stage != j.Stage || j.Paused != nil {
			return refuse("the stage is not working")
		}
	case *Failed:
		if f.Stage != j.Stage {
			return refuse("it is not this stage's turn")
		}
	case *Cancelled:
		if j.Options.Undoes != "" {
			return refuse("an undo cannot be cancelled")
		}
	}
	return nil
}

// Apply folds one stored fact into the job. A fact that Allows refuses gives an
// error. Such a fact, and one that is not newer than Seq, leaves the job as it
// is.
func (j *Job) Apply(e Event) error {
	if j.ID != "" && e.Seq <= j.Seq {
		return nil
	}
	if j.ID != "" && (e.JobID != j.ID || (j.Uploaded != nil && e.Owner != j.Owner.ID)) {
		return fmt.Errorf("fold %s: %w: another job or owner", e.Kind, ErrUntrusted)
	}
	if err := j.Allows(e.Fact); err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	j.Archived = 0
	if f, ok := e.Fact.(*Erased); ok {
		j.Seq = e.Seq
		j.applyErasure(f)
		return nil
	}
	j.Kind, j.Seq, j.UpdatedAt = e.Kind, e.Seq, e.At
	j.Status, j.Paused = StatusProcessing, nil
	j.Standing = j.Standing.Advance(e.Fact)
	switch f := e.Fact.(type) {
	case *Uploaded:
		j.ID, j.Owner, j.FileName, j.Options = e.JobID, f.Owner, f.FileName, f.Options
		j.FirstSeq, j.CreatedAt, j.Uploaded, j.Trace = e.Seq, e.At, f, e.Trace
		j.Status = StatusPending
		j.assign(StageValidation, e.Seq)
	case *Validated:
		j.Validated = f
		j.assign(StageIEC, e.Seq)
	case *Verified:
		j.Verified = f
		j.assign(StagePersistence, e.Seq)
	case *Persisted:
		j.Persisted = f
		j.assign(StageReport, e.Seq)
	case *Proposed:
		j.Proposed, j.Approved = f, nil
		j.Status = StatusAwaiting
	case *Approved:
		j.Approved = f
		j.assign(StagePersistence, e.Seq)
	case *Declined:
		j.Declined = f
		j.Status = StatusDeclined
	case *Reported:
		j.Reported = f
		j.Status = StatusCompleted
	case *Paused:
		j.Paused = f
		j.Status = StatusPaused
	case *Resumed:
		if f.Wakes {
			j.Woken = e.Seq
		}
	case *Failed:
		j.Failed = f
		j.Status = StatusFailed
		j.WorkerDied = j.WorkerDied || f.Code == FailedWorkerDied
	case *Cancelled:
		j.Cancelled, j.CancelledTrigger = f, j.Trigger
		j.Status = StatusCancelled
	case *Retried:
		// Whoever cancels a job before it has written takes the approval back.
		if j.Cancelled != nil && f.Stage == StagePersistence {
			j.Approved = nil
		}
		if j.Approved == nil {
			j.Proposed = nil // the stage proposes anew
		}
		j.Failed, j.Cancelled = nil, nil
		j.Attempt = e.Seq
		j.assign(f.Stage, e.Seq)
	}
	return nil
}

// assign says which stage works on the job, and on which fact.
func (j *Job) assign(s Stage, trigger uint64) {
	j.WorkerDied = j.WorkerDied && s == j.Stage
	j.Stage, j.Trigger, j.Woken = s, trigger, 0
}
