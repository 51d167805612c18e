package report

import (
	"errors"

	"rollcall.example/events"
)

// lines writes a sheet of short rows and remembers the first error.
type lines struct {
	*sheetWriter
	err error
}

func (l *lines) add(as look, cells ...cell) { l.err = errors.Join(l.err, l.row(cells, nil, as)) }

func (l *lines) say(words string, as look) { l.err = errors.Join(l.err, l.sentence(words, as)) }

// writeSummary writes the first sheet: the figures of the job.
func writeSummary(w *sheetWriter, job *events.Job, wards wardTallies, target int) error {
	s := &lines{sheetWriter: w}
	stats, iec, db := Completed(job), job.Verified.Stats, job.Persisted.Stats
	line := func(name string, value cell) { s.add(plain, text(name), value) }
	note := func(words string) { s.add(yellow, text("Note"), text(words)) }
	section := func(name string) {
		s.add(plain)
		s.add(heading, text(name), text(""))
	}

	s.say("Bulk Upload Report", title)
	if db.DryRun || job.Options.DryRun {
		note("Dry run: nothing was written. This is what would be.")
	}
	if job.Options.Undoes != "" {
		note("This undoes " + job.Options.Undoes + ". Rows, and what the IEC has answered, are those of that job.")
	}
	if job.Options.SkipIEC {
		note("The IEC was not asked: nobody's registration was checked.")
	}
	section("Job")
	line("Job", text(job.ID))
	line("File", text(job.FileName))
	line("Uploaded by", text(job.Owner.ID))
	line("Started (SAST)", moment(job.CreatedAt))
	// The report is part of the job, so the last time it knows is that of the database.
	line("Finished (SAST)", moment(job.Persisted.At))

	section("Validation")
	line("Rows in the file", whole(stats.TotalRecords))
	line("Accepted rows", whole(stats.ValidRecords))
	line("Rows with a valid ID number", whole(stats.ValidIDs))
	line("Rows with an invalid ID number, left out", whole(stats.InvalidIDs))
	line("Different valid ID numbers", whole(stats.UniqueRecords))
	line("Duplicate rows, left out", whole(stats.Duplicates))
	line("Warnings", whole(stats.Warnings))
	line("Blank rows skipped", whole(stats.BlankRows))

	section("IEC")
	line("Registered", whole(iec.Registered))
	line("Not registered", whole(iec.NotRegistered))
	line("Deceased", whole(iec.Deceased))
	line("Registered abroad", whole(iec.International))
	line("Unverified", whole(iec.Unverified))
	line("Total", whole(iec.Total))

	section("Database")
	if job.Options.Undoes != "" {
		line("Members removed", whole(db.Removed))
		line("Members whose values were put back", whole(db.Updates))
		line("Members changed since, left as they are", whole(db.Kept))
		line("Nothing to put back", whole(db.Unchanged))
	} else {
		line("New members", whole(db.Inserts))
		line("Existing members, updated", whole(db.Updates))
		line("Existing members, unchanged", whole(db.Unchanged))
		line("Refused by the database", whole(db.Errors))
	}
	line("Total", whole(db.Total))

	s.add(plain)
	wards.write(s, target)
	return s.err
}
