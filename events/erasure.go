package events

import "slices"

// Expired is the newest erasure of a job whose data is kept no longer by its age,
// nil if none is.
func (j *Job) Expired() *Erased {
	for _, e := range slices.Backward(j.Erasures) {
		if e.Reason == ErasedExpired {
			return e
		}
	}
	return nil
}

// Removed is the erasure by which an artifact of the job was removed, nil for one
// that is to be there.
func (j *Job) Removed(a Artifact) *Erased {
	for _, e := range j.Erasures {
		if slices.ContainsFunc(e.Removed, a.sameObject) {
			return e
		}
	}
	return nil
}

// Artifacts are all that the job's facts name, the report among them, as far as they
// are to be there.
func (j *Job) Artifacts() []Artifact {
	list := j.Inputs()
	if j.Reported != nil {
		list = append(list, j.Reported.Report)
	}
	return slices.DeleteFunc(list, func(a Artifact) bool { return j.Removed(a) != nil })
}

func (a Artifact) sameObject(b Artifact) bool { return a.Bucket == b.Bucket && a.Name == b.Name }

// erase puts in place what stands for the artifacts of the facts. Facts are shared
// with whoever read them, so those that change are copied.
func (j *Job) applyErasure(f *Erased) {
	j.Erasures = append(slices.Clip(j.Erasures), f)
	if len(f.Replaced) == 0 {
		return
	}
	now := func(a Artifact) Artifact {
		for _, r := range f.Replaced {
			if r.Was.sameObject(a) {
				return r.Now
			}
		}
		return a
	}
	if j.Uploaded != nil {
		c := *j.Uploaded
		c.File = now(c.File)
		j.Uploaded = &c
	}
	if j.Validated != nil {
		c := *j.Validated
		c.Rows, c.Rejects = now(c.Rows), now(c.Rejects)
		j.Validated = &c
	}
	if j.Verified != nil {
		c := *j.Verified
		c.Verdicts = now(c.Verdicts)
		j.Verified = &c
	}
	if j.Persisted != nil {
		c := *j.Persisted
		c.Outcomes = now(c.Outcomes)
		j.Persisted = &c
	}
	if j.Reported != nil {
		c := *j.Reported
		c.Report, c.Inputs = now(c.Report), slices.Clone(c.Inputs)
		for i, a := range c.Inputs {
			c.Inputs[i] = now(a)
		}
		j.Reported = &c
	}
}
