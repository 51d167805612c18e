package privacy

import (
	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// found is what the artifacts and files of a job hold about one person.
type found struct {
	columns []string // of rows and rejects
	fields  map[string]int
	// The person's own records. own are the numbers of the rows.
	own      map[int]bool
	rows     []*records.Row
	rejects  []*records.RejectedRow
	verdicts []*records.Verdict
	outcomes []*records.Outcome
	// mentions are texts of others that name the person, in the artifacts dirty.
	mentions []mention
	dirty    map[events.Artifact]bool
	// near are rejected rows whose ID number is almost the person's, and mayBe other
	// texts with almost the number.
	near  []*records.RejectedRow
	mayBe []cases.Place
	// upload and report are true if the file has the ID number.
	upload, report bool
	// mayBeFile are cells of the files with almost the number.
	mayBeFile []cases.Place
	// fileName is true if the name of the file names the person.
	fileName bool
	// unread are artifacts and files that could not be searched.
	unread []events.Artifact
}

// mention is a text that names the person in a row of somebody else.
type mention struct {
	cases.Place
	Text string `json:"text"`
}

func (f *found) hasAny() bool {
	return len(f.own)+len(f.dirty) > 0 || f.upload || f.report || f.fileName
}

// places lists where the person is named.
func (f *found) places(jobID string) (list []cases.Place) {
	for n := range f.own {
		list = append(list, cases.Place{Where: "rows", JobID: jobID, Row: n})
	}
	for _, m := range f.mentions {
		list = append(list, m.Place)
	}
	for where, has := range map[string]bool{"upload": f.upload, "report": f.report, "file name": f.fileName} {
		if has {
			list = append(list, cases.Place{Where: where, JobID: jobID})
		}
	}
	return list
}

// possible lists where something is almost the ID number.
func (f *found) possible(jobID string) (list []cases.Place) {
	for _, r := range f.near {
		list = append(list, cases.Place{Where: "rejects", JobID: jobID, Row: r.N})
	}
	list = append(list, f.mayBe...)
	if len(list) == 0 && !f.upload { // else the file has the same rows
		list = f.mayBeFile
	}
	return list
}

// claim makes those rows the person's own whose ID number is almost theirs and that
// have one of their names.
func (f *found) claim(p *subject) {
	rest := f.near[:0]
	for _, r := range f.near {
		if !p.isNamed(r.Texts()) {
			rest = append(rest, r)
			continue
		}
		f.own[r.N], f.rejects = true, append(f.rejects, r)
		f.upload = true // which has the row too
	}
	f.near = rest
}

// look notes what a record of somebody else says of the person.
func (f *found) look(p *subject, where string, job *events.Job, a events.Artifact, n int, record any) {
	isNear := false
	textsOf(record, func(column int, text *string) {
		switch p.finder.Find(*text) {
		case spelling.Whole, spelling.Masked:
			f.dirty[a] = true
			at := cases.Place{Where: where, JobID: job.ID, Row: n, Column: column}
			if column > 0 || len(f.mentions) == 0 || f.mentions[len(f.mentions)-1].Row != n {
				f.mentions = append(f.mentions, mention{at, *text})
			}
		case spelling.Near:
			if column > 0 && !isNear {
				isNear = true
				f.mayBe = append(f.mayBe, cases.Place{Where: where, JobID: job.ID, Row: n, Column: column})
			}
		}
	})
}
