package upload

import (
	"fmt"

	"rollcall.example/events"
)

// gone is the answer to who asks for what was kept once and then removed, nil for
// what is to be there. What names the thing that was asked for.
func gone(job *events.Job, what string, needed ...events.Artifact) error {
	for _, a := range needed {
		e := job.Removed(a)
		if e == nil {
			continue
		}
		message := fmt.Sprintf("%s is kept no longer: it was removed on %s.", what, e.At.Format("2 January 2006"))
		if e.Reason == events.ErasedPerson {
			message = fmt.Sprintf("%s was removed on %s, when a person in it was erased.", what, e.At.Format("2 January 2006"))
		}
		p := refuse("expired", message)
		p.details = map[string]any{"reason": e.Reason, "removed_at": e.At}
		return p
	}
	return nil
}

// inputOf is what the stage that a retry would run reads first.
func inputOf(job *events.Job) events.Artifact {
	if job.Validated != nil {
		return job.Validated.Rows
	}
	return job.Uploaded.File
}

// removed names what is kept no longer of a job, in the order of its stages.
func removed(job *events.Job) (list []string) {
	note := func(name string, a events.Artifact) {
		if job.Removed(a) != nil {
			list = append(list, name)
		}
	}
	note("upload", job.Uploaded.File)
	if f := job.Validated; f != nil {
		note("rows", f.Rows)
		note("rejects", f.Rejects)
	}
	if f := job.Verified; f != nil {
		note("verdicts", f.Verdicts)
	}
	if f := job.Persisted; f != nil {
		note("outcomes", f.Outcomes)
	}
	if f := job.Reported; f != nil {
		note("report", f.Report)
	}
	return list
}
