package events

import "slices"

// Expired returns the newest erasure that the age of the job caused; nil when
// there is none.
func (j *Job) Expired() *Erased {
	for _, e := range slices.Backward(j.Erasures) {
		if e.Reason == ErasedExpired {
			return e
		}
	}
	return nil
}

// Removed returns the erasure that deleted an artifact of the job; nil when the
// artifact should still exist.
func (j *Job) Removed(a Artifact) *Erased {
	for _, e := range j.Erasures {
		if slices.ContainsFunc(e.Removed, a.sameObject) {
			return e
		}
	}
	return nil
}

// Artifacts returns all artifacts of the job's facts that should still exist,
// the report, the workbook of rejects and the index of rows included.
func (j *Job) Artifacts() []Artifact {
	list := j.Inputs()
	if j.Proposed != nil {
		list = append(list, j.Proposed.Outcomes)
	}
	if j.Reported != nil {
		list = append(list, j.Reported.Report)
		for _, a := range []*Artifact{j.Reported.Rejects, j.Reported.Index} {
			if a != nil {
				list = append(list, *a)
			}
		}
	}
	return slices.DeleteFunc(list, func(a Artifact) bool { return j.Removed(a) != nil })
}

func (a Artifact) sameObject(b Artifact) bool { return a.Bucket == b.Bucket && a.Name == b.Name }

// applyErasure replaces artifacts in the facts of the job. It changes copies,
// because other readers share the facts.
func (j *Job) applyErasure(f *Erased) {
	j.Erasures = append(slices.Clip(j.Erasures), f)
	if f.FileName != "" && j.Uploaded != nil {
		c := *j.Uploaded
		c.FileName = f.FileName
		j.Uploaded, j.FileName = &c, f.FileName
	}
	if len(f.Replaced) == 0 {
		return
	}
	current := func(a Artifact) Artifact {
		for _, r := range f.Replaced {
			if r.Was.sameObject(a) {
				return r.Now
			}
		}
		return a
	}
	if j.Uploaded != nil {
		c := *j.Uploaded
		c.File = current(c.File)
		j.Uploaded = &c
	}
	if j.Validated != nil {
		c := *j.Validated
		c.Rows, c.Rejects = current(c.Rows), current(c.Rejects)
		j.Validated = &c
	}
	if j.Verified != nil {
		c := *j.Verified
		c.Verdicts = current(c.Verdicts)
		j.Verified = &c
	}
	if j.Proposed != nil {
		c := *j.Proposed
		c.Outcomes = current(c.Outcomes)
		j.Proposed = &c
	}
	if j.Persisted != nil {
		c := *j.Persisted
		c.Outcomes = current(c.Outcomes)
		j.Persisted = &c
	}
	if j.Reported != nil {
		c := *j.Reported
		c.Report, c.Inputs = current(c.Report), slices.Clone(c.Inputs)
		for _, a := range []**Artifact{&c.Rejects, &c.Index} {
			if *a != nil {
				now := current(**a)
				*a = &now
			}
		}
		for i, a := range c.Inputs {
			c.Inputs[i] = current(a)
		}
		j.Reported = &c
	}
}
