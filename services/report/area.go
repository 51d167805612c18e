package report

import (
	"cmp"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// isInvalid reports whether a row was rejected for its ID number.
func isInvalid(r *records.RejectedRow) bool {
	return r != nil && r.Code != records.RejectDuplicate && r.Code != records.RejectOutOfArea
}

// listAreaSheets returns the sheets of a job of a part of the country: the rows that
// lie outside of it, and those that wait because their person is a member outside.
// They show the uploader's own cells and nothing of the member.
func listAreaSheets(job *events.Job) (list []rowSheet) {
	if job.Area().Level == events.AreaCountry && job.Persisted.Stats.Transfers == 0 {
		return nil
	}
	return []rowSheet{{
		name:       "Outside Your Area",
		emptyNote:  "No row of the file lies outside of your area.",
		ownColumns: []string{"Sheet Row", "Reason", "Offending Cell"},
		includes:   func(e *entry) bool { return e.reject != nil && e.reject.Code == records.RejectOutOfArea },
		makeCells: func(e *entry) []cell {
			return []cell{intCell(e.n), textCell(e.reject.Message), textCell(e.reject.Cell)}
		},
		look: red,
	}, {
		name:       "Waiting",
		emptyNote:  "No row of the file waits for somebody else.",
		ownColumns: []string{"Sheet Row", "Reason"},
		includes:   (*entry).waits,
		makeCells:  func(e *entry) []cell { return []cell{intCell(e.n), textCell(waitsReason)} },
	}}
}

// listModeSheets returns the sheet of the rows that the mode of the upload leaves out.
func listModeSheets(options events.Options) []rowSheet {
	sheet := rowSheet{
		ownColumns: []string{"Sheet Row", "Reason"},
		makeCells: func(e *entry) []cell {
			return []cell{intCell(e.n), textCell(describeOmission(e.outcome.Result))}
		},
		look: yellow,
	}
	switch options.Mode {
	case events.ModeCreate:
		sheet.name, sheet.emptyNote, sheet.includes = "Members Already", "Nobody of the file was a member before.",
			hasResult(records.Known)
	case events.ModeUpdate:
		sheet.name, sheet.emptyNote, sheet.includes = "No Members",
			"Everybody of the file is a member that the upload may change.", hasResult(records.Unknown)
	default:
		return nil
	}
	return []rowSheet{sheet}
}

// workOrder is the order in which somebody works through the sheets: first what has to be
// put right, then what has to be looked into, then what is well.
var workOrder = []string{
	"Invalid IDs", "Duplicates", "Database Errors", "Left As They Are", "Outside Your Area", "Waiting", "Warnings",
	"Unverified", "Not Registered", "Deceased Voters", "Different Ward", "Members Already", "No Members",
	"Registered in Ward", "New Members", "Removed Members", "Existing Members (Updated)", "All Uploaded Rows",
}

// sheetsOf returns all sheets of rows of a job's report, in the workbook's order.
func sheetsOf(job *events.Job) []rowSheet {
	list := slices.Concat(listRowSheets(job.Options), listAreaSheets(job), listModeSheets(job.Options))
	slices.SortStableFunc(list, func(a, b rowSheet) int {
		return cmp.Compare(slices.Index(workOrder, a.name), slices.Index(workOrder, b.name))
	})
	return list
}
