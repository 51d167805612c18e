package rest

import (
	"fmt"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// CheckKept refuses to give what was removed of a job; nil means that all of it is
// to be there. What names the thing that was asked for.
func CheckKept(job *events.Job, what string, needed ...events.Artifact) error {
	for _, a := range needed {
		e := job.Removed(a)
		if e == nil {
			continue
		}
		message := fmt.Sprintf("%s is kept no longer: it was removed on %s.", what, e.At.Format("2 January 2006"))
		if e.Reason == events.ErasedPerson {
			message = fmt.Sprintf("%s was removed on %s, when a person in it was erased.", what, e.At.Format("2 January 2006"))
		}
		return &refusal.Error{Code: refusal.CodeExpired, Message: message,
			Details: map[string]any{"reason": e.Reason, "removed_at": e.At}}
	}
	return nil
}

// removedOf names what is kept no longer of a job, in the order of its stages.
func removedOf(job *events.Job) (list []string) {
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
