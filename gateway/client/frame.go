package client

import (
	"encoding/json"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/gateway/frames"
)

// Frame is an event of a job, as the gateway sends it.
type Frame struct {
	Event string `json:"event"`
	// Seq is the fact's sequence in the stream, 0 for progress. Pass the last one seen
	// to Watch to go on after it.
	Seq  uint64          `json:"seq"`
	Data json.RawMessage `json:"data"`
	// Replayed says that the frame is of the history, and no news.
	Replayed bool `json:"replayed,omitempty"`
}

// Terminal reports whether a job has ended with the frame.
func (f Frame) Terminal() bool {
	return f.Event == frames.EventComplete || f.Event == frames.EventFailed || f.Event == frames.EventErased
}

// isRetryable reports whether a job that has ended with the frame can be retried.
func (f Frame) isRetryable() bool {
	switch f.Event {
	case frames.EventFailed:
		d, err := f.Failed()
		return err == nil && d.Retryable
	case frames.EventErased:
		d, err := f.Erased()
		return err == nil && d.Status != events.StatusCompleted && d.Reason != events.ErasedExpired
	}
	return false
}

// Job returns the id of the frame's job, "" if it has none.
func (f Frame) Job() string {
	var d struct {
		JobID string `json:"job_id"`
	}
	if json.Unmarshal(f.Data, &d) != nil {
		return ""
	}
	return d.JobID
}

// Progress decodes the data of a frame that is neither Complete, Failed nor Erased.
func (f Frame) Progress() (frames.Progress, error) { return decodeData[frames.Progress](f) }

// Complete decodes the data of frames.EventComplete.
func (f Frame) Complete() (frames.Complete, error) { return decodeData[frames.Complete](f) }

// Failed decodes the data of frames.EventFailed.
func (f Frame) Failed() (frames.Failed, error) { return decodeData[frames.Failed](f) }

// Erased decodes the data of frames.EventErased.
func (f Frame) Erased() (frames.Erased, error) { return decodeData[frames.Erased](f) }

func decodeData[T any](f Frame) (T, error) {
	var d T
	if err := json.Unmarshal(f.Data, &d); err != nil {
		return d, fmt.Errorf("decode %s: %w", f.Event, err)
	}
	return d, nil
}
