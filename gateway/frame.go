package gateway

import (
	"fmt"
	"math"
	"slices"

	"rollcall.example/events"
	"rollcall.example/gateway/frames"
)

// frame is a fact or progress of a job, encoded once for all who get it.
type frame struct {
	jobID string
	owner string
	seq   uint64 // 0 for progress
	// trigger is the sequence of the fact that set a stage to work: the one that
	// progress belongs to. A fact that starts a stage or ends the job is its own
	// trigger; any other fact has 0.
	trigger   uint64
	encodings encodings
}

// reportBase is where REST serves reports.
const reportBase = "/api/v1/bulk-upload/report/"

// encodeFact makes the one frame of a fact, as history or as news.
func encodeFact(e events.Event, replayed bool) (frame, error) {
	event, data := describeFact(e)
	if data == nil {
		return frame{}, fmt.Errorf("encode fact: unknown kind %s", e.Kind)
	}
	text, err := encodeForAll(event, data, e.Seq, replayed)
	if err != nil {
		return frame{}, fmt.Errorf("encode fact %s: %w", e.Kind, err)
	}
	return frame{jobID: e.JobID, owner: e.Owner, seq: e.Seq, trigger: triggerOf(e), encodings: text}, nil
}

func triggerOf(e events.Event) uint64 {
	switch e.Kind {
	case events.KindPaused, events.KindResumed, events.KindWarned, events.KindErased:
		return 0
	}
	return e.Seq
}

// describeFact returns the event and the data of a fact's frame, nil data for an
// unknown kind.
func describeFact(e events.Event) (event string, data any) {
	at := events.Standing{}.Advance(e.Fact)
	d := frames.Progress{JobID: e.JobID, Stage: at.Step, Progress: at.Percent, Message: at.Message,
		Status: events.StatusProcessing, Processed: at.Processed, Total: at.Total, Timestamp: e.At}
	switch f := e.Fact.(type) {
	case *events.Uploaded:
		d.Status = events.StatusPending
		return frames.EventProgress, d
	case *events.Validated, *events.Verified, *events.Persisted, *events.Resumed, *events.Retried, *events.Approved:
		return frames.EventProgress, d
	case *events.Proposed:
		d.Status, d.Reason = events.StatusAwaiting, f.Reason
		return frames.EventProgress, d
	case *events.Reported:
		return frames.EventComplete, frames.Complete{JobID: e.JobID, Status: events.StatusCompleted,
			Validation: f.Validation, Database: f.Database,
			ReportPath: reportBase + e.JobID, DurationMS: f.DurationMS, Timestamp: e.At}
	case *events.Paused:
		d.Status, d.Reason, d.ResumesAt, d.ETA = events.StatusPaused, f.Reason, f.ResumesAt, f.ETA
		if f.Reason != events.PauseQuota && f.Reason != events.PauseUserQuota || f.Quota == nil {
			return frames.EventProgress, d
		}
		limit := addRateLimit(d, *f.Quota)
		if limit.Reset.IsZero() {
			limit.Reset = f.ResumesAt
		}
		return frames.EventRateLimit, limit
	case *events.Warned:
		return frames.EventRateWarning, addRateLimit(d, f.Quota)
	case *events.Failed:
		return frames.EventFailed, frames.Failed{JobID: e.JobID, Error: f.Message, Code: f.Code,
			Stage: f.Stage.FirstStep(), Status: events.StatusFailed, Retryable: f.Retryable, Timestamp: e.At}
	case *events.Cancelled:
		return frames.EventFailed, frames.Failed{JobID: e.JobID, Error: at.Message, Code: "cancelled",
			Stage: f.Stage.FirstStep(), Status: events.StatusCancelled, Retryable: true, Timestamp: e.At}
	case *events.Declined:
		return frames.EventFailed, frames.Failed{JobID: e.JobID, Error: declinedMessage(at.Message, f.Reason),
			Code: "declined", Stage: events.DatabaseOperations, Status: events.StatusDeclined, Timestamp: e.At}
	case *events.Erased:
		report := func(a events.Artifact) bool { return a.Bucket == events.BucketReports }
		return frames.EventErased, frames.Erased{JobID: e.JobID, Status: f.Status, Reason: f.Reason,
			Report: slices.ContainsFunc(f.Removed, report), Timestamp: e.At}
	}
	return "", nil
}

// declinedMessage adds what the person wrote who declined.
func declinedMessage(message, reason string) string {
	if reason == "" {
		return message
	}
	return message + " Reason: " + reason
}

// addRateLimit adds to progress how much of the quota is spent.
func addRateLimit(p frames.Progress, q events.Quota) frames.RateLimit {
	return frames.RateLimit{Progress: p,
		Current: q.Used, Max: q.Limit, Remaining: max(q.Limit-q.Used, 0), Reset: q.ResetAt,
		Percentage: math.Round(1000*float64(q.Used)/float64(max(q.Limit, 1))) / 10}
}

func encodeProgress(p events.Progress, owner string) (frame, error) {
	text, err := encodeForAll(frames.EventProgress, frames.Progress{
		JobID: p.JobID, Stage: p.Step, Progress: p.Percent, Message: p.Message, Status: p.Status,
		Processed: p.Processed, Total: p.Total, ETA: p.ETA, Timestamp: p.At,
	}, 0, false)
	if err != nil {
		return frame{}, fmt.Errorf("encode progress: %w", err)
	}
	return frame{jobID: p.JobID, owner: owner, trigger: p.Trigger, encodings: text}, nil
}
