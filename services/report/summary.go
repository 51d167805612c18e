package report

import (
	"errors"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/services/sheets"
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

// writeSummary writes the first sheet, which is one page: the totals of the job. A count
// leads to the sheet of its rows.
func writeSummary(
	w *sheetWriter, others map[string]*sheets.Sheet, job *events.Job, wards wardTallies, target int,
) error {
	s := &summaryWriter{sheetWriter: w}
	w.sheet.SetPage(sheets.Page{Landscape: true, OnePage: true, Footer: w.workbook.footer})
	stats, iec, db := CompleteStats(job), verdictsOf(job), job.Persisted.Stats
	line := func(name string, value cell, leadsTo ...string) {
		s.addRow(plain, append([]cell{textCell(name), value}, s.linkCells(3, others, leadsTo)...)...)
	}
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
	if job.Options.Follows != "" {
		note("This corrects rows of the job " + job.Options.Follows + ".")
	}
	if job.Options.Commits != "" {
		note("This writes what the dry run " + job.Options.Commits + " has shown. " +
			"Rows, and what the IEC has answered, are those of that job.")
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
	if others[furtherName] != nil {
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
	line("Rows in the file", intCell(stats.TotalRecords), "All Uploaded Rows")
	line("Accepted rows", intCell(stats.ValidRecords))
	line("Rows with a valid ID number", intCell(stats.ValidIDs))
	line("Rows with an invalid ID number, left out", intCell(stats.InvalidIDs), "Invalid IDs")
	line("Different valid ID numbers", intCell(stats.UniqueRecords))
	line("Duplicate rows, left out", intCell(stats.Duplicates), "Duplicates")
	if stats.OutOfArea > 0 {
		line("Rows outside of your area, left out", intCell(stats.OutOfArea), "Outside Your Area")
	}
	line("Warnings", intCell(stats.Warnings), "Warnings")
	line("Blank rows skipped", intCell(stats.BlankRows))
	for _, w := range job.Validated.FileWarnings {
		s.addRow(yellow, textCell("About the file"), textCell(w.Message))
	}

	writeColumnUse(s, job.Validated.ColumnUse)

	section("IEC")
	verdicts := []struct {
		sheets.Bar
		leadsTo string
	}{
		{sheets.Bar{Name: "Registered", Value: iec.Registered}, "Registered in Ward"},
		{sheets.Bar{Name: "Not registered", Value: iec.NotRegistered}, "Not Registered"},
		{sheets.Bar{Name: "Deceased", Value: iec.Deceased}, "Deceased Voters"},
		{sheets.Bar{Name: "Registered abroad", Value: iec.International}, ""},
		{sheets.Bar{Name: "Unverified", Value: iec.Unverified}, "Unverified"},
	}
	chart := sheets.Chart{Title: "What the IEC answered", FirstRow: w.sheet.RowCount() + 1,
		FromColumn: 4, FromRow: 2, ToColumn: 12, ToRow: 19}
	for _, v := range verdicts {
		line(v.Name, intCell(v.Value), v.leadsTo)
		chart.Bars = append(chart.Bars, v.Bar)
	}
	if iec.Total > 0 {
		w.sheet.AddChart(chart)
	}
	line("Total", intCell(iec.Total))

	section("Database")
	if job.Options.Undoes != "" {
		line("Members removed", intCell(db.Removed), "Removed Members")
		line("Members whose values were put back", intCell(db.Updates))
		line("Members changed since, left as they are", intCell(db.Kept), "Left As They Are")
		line("Nothing to put back", intCell(db.Unchanged))
	} else {
		line("New members", intCell(db.Inserts), "New Members")
		line("Existing members, updated", intCell(db.Updates), "Existing Members (Updated)")
		if job.Options.AllowClear {
			line("Of those, with a field that was emptied", intCell(db.Cleared))
		}
		line("Existing members, unchanged", intCell(db.Unchanged))
		line("Refused by the database", intCell(db.Errors), "Database Errors")
	}
	if job.Options.Mode == events.ModeCreate {
		line("Members already, left alone", intCell(db.Known), "Members Already")
	}
	if job.Options.Mode == events.ModeUpdate {
		line("No members, not added", intCell(db.Unknown), "No Members")
	}
	if db.Transfers > 0 {
		line("Rows that wait for somebody of another area", intCell(db.Transfers), "Waiting")
	}
	line("Total", intCell(db.Total))

	section("Wards")
	named, reached := wards.reached(target)
	line("Wards in the file", intCell(named), "Wards")
	line(fmt.Sprintf("Wards with at least %d registered members", target), intCell(reached))
	if largest := wards.largest(); len(largest) > 0 {
		section("Registered members of the largest wards")
		chart := sheets.Chart{Title: "Registered members of the largest wards", FirstRow: w.sheet.RowCount() + 1,
			FromColumn: 4, FromRow: 20, ToColumn: 12, ToRow: 40}
		for _, code := range largest {
			line(code, intCell(wards[code].registered()))
			chart.Bars = append(chart.Bars, sheets.Bar{Name: code, Value: wards[code].registered()})
		}
		w.sheet.AddChart(chart)
	}
	return s.err
}

// linkCells returns the cell of the row that is written next, in a column from 1, that
// leads to another sheet. There is none where the report lacks the sheet.
func (l *summaryWriter) linkCells(column int, others map[string]*sheets.Sheet, names []string) []cell {
	for _, name := range names {
		if to := others[name]; to != nil {
			l.sheet.AddLink(l.sheet.RowCount()+1, column, to)
			c := textCell(name)
			c.link = true
			return []cell{c}
		}
	}
	return nil
}
