package report

import (
	"errors"
	"fmt"

	"rollcall.example/events"
)

// summaryWriter writes a sheet of short rows and keeps the errors.
type summaryWriter struct {
	*sheetWriter
	err error
}

func (l *summaryWriter) addRow(as look, cells ...cell) {
	l.err = errors.Join(l.err, l.writeRow(cells, nil, as))
}

func (l *summaryWriter) addSentence(words string, as look) {
	l.err = errors.Join(l.err, l.writeSentence(words, as))
}

// writeColumnUse names the columns that were guessed, and those not used with the reason.
func writeColumnUse(s *summaryWriter, use events.ColumnUse) {
	for _, c := range use.Guessed {
		s.addRow(yellow, textCell("Column "+c.Letter), textCell(c.Message))
	}
	if use.UnusedTotal == 0 {
		return
	}
	s.addRow(plain)
	s.addRow(heading, textCell("Columns Not Used"), textCell("Header"), textCell("Why"))
	for _, c := range use.Unused {
		s.addRow(plain, textCell("Column "+c.Letter), textCell(c.Name), textCell(c.Sentence()))
	}
	if more := use.UnusedTotal - len(use.Unused); more > 0 {
		s.addRow(plain, textCell(fmt.Sprintf("and %d more", more)))
	}
}

// writeSummary writes the first sheet: the totals of the job.
func writeSummary(w *sheetWriter, job *events.Job, wards wardTallies, target int, further bool) error {
	s := &summaryWriter{sheetWriter: w}
	stats, iec, db := CompleteStats(job), verdictsOf(job), job.Persisted.Stats
	line := func(name string, value cell) { s.addRow(plain, textCell(name), value) }
	note := func(words string) { s.addRow(yellow, textCell("Note"), textCell(words)) }
	section := func(name string) {
		s.addRow(plain)
		s.addRow(heading, textCell(name))
	}

	s.addSentence("Bulk Upload Report", title)
	if db.DryRun || job.Options.DryRun {
		note("Dry run: nothing was written. This is what would be.")
	}
	if job.Options.Undoes != "" {
		note("This undoes " + job.Options.Undoes + ". Rows, and what the IEC has answered, are those of that job.")
	}
	if job.Options.Completes != "" {
		note("These are the rows of " + job.Options.Completes + " that waited for somebody of another area.")
	}
	switch job.Options.Mode {
	case events.ModeCreate:
		note("Only new members were to be added (mode=create). Whoever was a member already was left alone.")
	case events.ModeUpdate:
		note("Only members were to be changed (mode=update). Whoever was no member was not added.")
	}
	if job.Options.AllowClear {
		note("A cell that says (clear) empties that field of a member (allow_clear=true).")
	}
	if job.Options.SkipIEC {
		note("The IEC was not asked: nobody's registration was checked.")
	}
	if further {
		note(fmt.Sprintf("The file has more than %d columns. Those behind them are on the sheet Further Columns, "+
			"by the number of the row.", maxRepeated))
	}
	section("Job")
	line("Job", textCell(job.ID))
	line("File", textCell(job.FileName))
	line("Uploaded by", textCell(job.Owner.ID))
	line("Started (SAST)", timeCell(job.CreatedAt))
	// The report is part of the job, so the last time that it can know is the
	// database's.
	line("Finished (SAST)", timeCell(job.Persisted.At))

	section("Validation")
	line("Rows in the file", intCell(stats.TotalRecords))
	line("Accepted rows", intCell(stats.ValidRecords))
	line("Rows with a valid ID number", intCell(stats.ValidIDs))
	line("Rows with an invalid ID number, left out", intCell(stats.InvalidIDs))
	line("Different valid ID numbers", intCell(stats.UniqueRecords))
	line("Duplicate rows, left out", intCell(stats.Duplicates))
	if stats.OutOfArea > 0 {
		line("Rows outside of your area, left out", intCell(stats.OutOfArea))
	}
	line("Warnings", intCell(stats.Warnings))
	line("Blank rows skipped", intCell(stats.BlankRows))
	for _, w := range job.Validated.FileWarnings {
		s.addRow(yellow, textCell("About the file"), textCell(w.Message))
	}

	writeColumnUse(s, job.Validated.ColumnUse)

	section("IEC")
	line("Registered", intCell(iec.Registered))
	line("Not registered", intCell(iec.NotRegistered))
	line("Deceased", intCell(iec.Deceased))
	line("Registered abroad", intCell(iec.International))
	line("Unverified", intCell(iec.Unverified))
	line("Total", intCell(iec.Total))

	section("Database")
	if job.Options.Undoes != "" {
		line("Members removed", intCell(db.Removed))
		line("Members whose values were put back", intCell(db.Updates))
		line("Members changed since, left as they are", intCell(db.Kept))
		line("Nothing to put back", intCell(db.Unchanged))
	} else {
		line("New members", intCell(db.Inserts))
		line("Existing members, updated", intCell(db.Updates))
		if job.Options.AllowClear {
			line("Of those, with a field that was emptied", intCell(db.Cleared))
		}
		line("Existing members, unchanged", intCell(db.Unchanged))
		line("Refused by the database", intCell(db.Errors))
	}
	if job.Options.Mode == events.ModeCreate {
		line("Members already, left alone", intCell(db.Known))
	}
	if job.Options.Mode == events.ModeUpdate {
		line("No members, not added", intCell(db.Unknown))
	}
	if db.Transfers > 0 {
		line("Rows that wait for somebody of another area", intCell(db.Transfers))
	}
	line("Total", intCell(db.Total))

	s.addRow(plain)
	wards.writeTo(s, target)
	return s.err
}
