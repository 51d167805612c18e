package gateway

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"rollcall.example/events"
	"rollcall.example/gateway/frames"
)

// frame is what is sent, encoded once for all who get it.
type frame struct {
	jobID string
	owner string
	seq   uint64 // 0 for progress
	// turn is the fact that set the stage to work: of progress, the one it
	// belongs to; of a fact that begins a stage or ends the job, itself; else 0.
	turn  uint64
	texts texts
}

type outgoing struct {
	Event string          `json:"event"`
	Data  any             `json:"data"`
	Seq   uint64          `json:"seq,omitempty"`
	ID    json.RawMessage `json:"id,omitempty"`
}

const reportBase = "/api/v1/bulk-upload/report/"

// factFrame is the one frame of a fact.
func factFrame(e events.Event) (frame, error) {
	event, data := factData(e)
	if data == nil {
		return frame{}, fmt.Errorf("frame of %s: no such kind", e.Kind)
	}
	text, err := encode(event, data, e.Seq)
	if err != nil {
		return frame{}, fmt.Errorf("frame of %s: %w", e.Kind, err)
	}
	return frame{jobID: e.JobID, owner: e.Owner, seq: e.Seq, turn: turn(e), texts: text}, nil
}

func turn(e events.Event) uint64 {
	switch e.Kind {
	case events.KindPaused, events.KindResumed, events.KindWarned, events.KindErased:
		return 0
	}
	return e.Seq
}

func factData(e events.Event) (event string, data any) {
	at := events.Standing{}.Advance(e.Fact)
	d := frames.Progress{JobID: e.JobID, Stage: at.Step, Progress: at.Percent, Message: at.Message,
		Status: events.StatusProcessing, Processed: at.Processed, Total: at.Total, Timestamp: e.At}
	switch f := e.Fact.(type) {
	case *events.Uploaded:
		d.Status = events.StatusPending
		return frames.EventProgress, d
	case *events.Validated, *events.Verified, *events.Persisted, *events.Resumed, *events.Retried:
		return frames.EventProgress, d
	case *events.Reported:
		return frames.EventComplete, frames.Complete{JobID: e.JobID, Status: events.StatusCompleted,
			Validation: f.Validation, Database: f.Database,
			ReportPath: reportBase + e.JobID, DurationMS: f.DurationMS, Timestamp: e.At}
	case *events.Paused:
		d.Status, d.Reason, d.ResumesAt, d.ETA = events.StatusPaused, f.Reason, f.ResumesAt, f.ETA
		if f.Reason != events.PauseQuota || f.Quota == nil {
			return frames.EventProgress, d
		}
		limit := rateLimit(d, *f.Quota)
		if limit.Reset.IsZero() {
			limit.Reset = f.ResumesAt
		}
		return frames.EventRateLimit, limit
	case *events.Warned:
		return frames.EventRateWarning, rateLimit(d, f.Quota)
	case *events.Failed:
		return frames.EventFailed, frames.Failed{JobID: e.JobID, Error: f.Message, Code: f.Code,
			Stage: f.Stage.FirstStep(), Status: events.StatusFailed, Retryable: f.Retryable, Timestamp: e.At}
	case *events.Cancelled:
		return frames.EventFailed, frames.Failed{JobID: e.JobID, Error: at.Message, Code: "cancelled",
			Stage: f.Stage.FirstStep(), Status: events.StatusCancelled, Retryable: true, Timestamp: e.At}
	case *events.Erased:
		report := func(a events.Artifact) bool { return a.Bucket == events.BucketReports }
		return frames.EventErased, frames.Erased{JobID: e.JobID, Status: f.Status, Reason: f.Reason,
			Report: slices.ContainsFunc(f.Removed, report), Timestamp: e.At}
	}
	return "", nil
}

// rateLimit adds to progress how much of the quota is spent.
func rateLimit(p frames.Progress, q events.Quota) frames.RateLimit {
	return frames.RateLimit{Progress: p,
		Current: q.Used, Max: q.Limit, Remaining: max(q.Limit-q.Used, 0), Reset: q.ResetAt,
		Percentage: math.Round(1000*float64(q.Used)/float64(max(q.Limit, 1))) / 10}
}

func progressFrame(p events.Progress, owner string) (frame, error) {
	text, err := encode(frames.EventProgress, frames.Progress{
		JobID: p.JobID, Stage: p.Step, Progress: p.Percent, Message: p.Message, Status: p.Status,
		Processed: p.Processed, Total: p.Total, ETA: p.ETA, Timestamp: p.At,
	}, 0)
	if err != nil {
		return frame{}, fmt.Errorf("frame of progress: %w", err)
	}
	return frame{jobID: p.JobID, owner: owner, turn: p.Trigger, texts: text}, nil
}
