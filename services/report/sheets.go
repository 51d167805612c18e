package report

import (
	"cmp"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// rowSheet describes a sheet of uploaded rows. Its own columns explain a row;
// behind them come those of the upload.
type rowSheet struct {
	name string
	// emptyNote is the sentence of a sheet without rows.
	emptyNote  string
	ownColumns []string
	includes   func(*entry) bool
	// makeCells returns a cell for each of ownColumns.
	makeCells func(*entry) []cell
	// look is how all rows look; plain means as chooseLook says.
	look look
}

// hasStatus includes the rows whose verdict has that status.
func hasStatus(s records.VerdictStatus) func(*entry) bool {
	return func(e *entry) bool { return e.row != nil && e.verdict.Status == s }
}

// hasResult includes the rows whose outcome is one of those.
func hasResult(results ...string) func(*entry) bool {
	return func(e *entry) bool {
		for _, r := range results {
			if e.row != nil && e.outcome.Result == r {
				return true
			}
		}
		return false
	}
}

// chooseLook returns the look of a row in a sheet that has none of its own.
func chooseLook(e *entry) look {
	switch {
	case e.reject != nil && e.reject.Code == records.RejectDuplicate:
		return yellow
	case e.reject != nil, e.verdict.Status == records.NotRegistered:
		return red
	case e.outcome.Result == records.Updated, e.outcome.Result == records.Unchanged,
		e.outcome.Result == records.Known, e.outcome.Result == records.Unknown:
		return yellow
	}
	return plain
}

// listRowSheets returns the sheets of uploaded rows that each report has.
func listRowSheets(options events.Options) []rowSheet {
	result := func(e *entry) cell { return textCell(describeOutcome(e.outcome.Result, options)) }
	vdCode := "VD Code Written"
	switch {
	case options.DryRun:
		vdCode = "VD Code To Be Written"
	case options.Undoes != "":
		vdCode = "VD Code Now"
	}
	status := func(e *entry) cell { return textCell(describeVerdict(e.verdict.Status)) }
	iec := []string{"Sheet Row", "IEC Status", "IEC's Word", "Asked (SAST)", "Database Result"}
	iecCells := func(e *entry) []cell {
		return []cell{intCell(e.n), status(e), textCell(e.verdict.VoterStatus), timeCell(e.verdict.At), result(e)}
	}
	ward := []string{"Sheet Row", "Ward Check", "IEC Ward", "IEC VD", "IEC Station",
		"IEC Municipality Code", "IEC Municipality", "IEC Province", vdCode, "Database Result"}
	wardCells := func(e *entry) []cell {
		v := e.verdict
		return []cell{intCell(e.n), textCell(string(compareWards(e))), textCell(v.Ward), textCell(v.VD),
			textCell(v.Station),
			textCell(v.MunicipalityCode), textCell(v.Municipality), textCell(v.Province), textCell(e.outcome.VD),
			result(e)}
	}
	registered := hasStatus(records.Registered)
	newMembers := rowSheet{
		name:       "New Members",
		emptyNote:  "Nobody of the file is a new member.",
		ownColumns: []string{"Sheet Row", "Database Result", "IEC Status", "IEC Ward", "IEC VD", vdCode},
		includes:   hasResult(records.Inserted),
		makeCells: func(e *entry) []cell {
			return []cell{intCell(e.n), result(e), status(e), textCell(e.verdict.Ward), textCell(e.verdict.VD),
				textCell(e.outcome.VD)}
		},
	}
	databaseErrors := rowSheet{
		name:       "Database Errors",
		emptyNote:  "The database refused no row.",
		ownColumns: []string{"Sheet Row", "Database Error"},
		includes:   hasResult(records.Refused),
		makeCells:  func(e *entry) []cell { return []cell{intCell(e.n), textCell(e.outcome.Error)} },
	}
	if options.Undoes != "" {
		newMembers.name, newMembers.emptyNote, newMembers.includes = "Removed Members",
			"Nobody of the file had become a member by the job that was undone.", hasResult(records.Removed)
		databaseErrors.name, databaseErrors.emptyNote, databaseErrors.includes = "Left As They Are",
			"Nobody of the file was changed since by another job.", hasResult(records.Kept)
		databaseErrors.ownColumns = []string{"Sheet Row", "Reason"}
	}

	return []rowSheet{{
		name:       "All Uploaded Rows",
		emptyNote:  "The file has no rows.",
		ownColumns: []string{"Sheet Row", "Result", "Reason", "IEC Status", "IEC Ward", "IEC VD", vdCode, "Warnings"},
		includes:   func(*entry) bool { return true },
		makeCells: func(e *entry) []cell {
			if e.reject != nil {
				return []cell{intCell(e.n), textCell(describeReject(e.reject.Code)), textCell(e.reject.Message),
					textCell(""), textCell(""), textCell(""), textCell(""), textCell("")}
			}
			reason := cmp.Or(e.outcome.Error, describeOmission(e.outcome.Result))
			if reason == "" && e.verdict.Status == records.Unverified {
				reason = describeUnverified(e.verdict.Reason)
			}
			return []cell{intCell(e.n), result(e), textCell(reason), status(e), textCell(e.verdict.Ward),
				textCell(e.verdict.VD),
				textCell(e.outcome.VD), textCell(joinMessages(e.row.Warnings))}
		},
	}, {
		name:       "Invalid IDs",
		emptyNote:  "Every row has a valid ID number.",
		ownColumns: []string{"Sheet Row", "Code", "Reason", "Offending Cell"},
		includes:   func(e *entry) bool { return isInvalid(e.reject) },
		makeCells: func(e *entry) []cell {
			return []cell{intCell(e.n), textCell(e.reject.Code), textCell(e.reject.Message), textCell(e.reject.Cell)}
		},
		look: red,
	}, {
		name:       "Duplicates",
		emptyNote:  "No ID number occurs twice in the file.",
		ownColumns: []string{"Sheet Row", "Occurrence", "ID Number Read", "Times", "First Row", "All Rows"},
		includes: func(e *entry) bool {
			return e.repeats != nil || e.reject != nil && e.reject.Code == records.RejectDuplicate
		},
		makeCells: func(e *entry) []cell {
			d, which := e.repeats, "First, kept"
			if e.reject != nil {
				d, which = repeatOf(e.reject), "Repeated, left out"
			}
			return []cell{intCell(e.n), textCell(which), textCell(d.id), intCell(d.count), intCell(d.firstRow),
				textCell(d.rows)}
		},
		look: yellow,
	}, {
		name:       "Deceased Voters",
		emptyNote:  "The IEC knows nobody of the file as deceased.",
		ownColumns: iec,
		includes:   hasStatus(records.Deceased),
		makeCells:  iecCells,
	}, {
		name:       "Not Registered",
		emptyNote:  "Nobody of the file was found not to be registered as a voter.",
		ownColumns: iec,
		includes:   hasStatus(records.NotRegistered),
		makeCells:  iecCells,
		look:       red,
	}, {
		name:       "Unverified",
		emptyNote:  "The IEC answered about everybody with a valid ID number.",
		ownColumns: []string{"Sheet Row", "Code", "Reason", "Database Result"},
		includes:   hasStatus(records.Unverified),
		makeCells: func(e *entry) []cell {
			return []cell{intCell(e.n), textCell(e.verdict.Reason), textCell(describeUnverified(e.verdict.Reason)),
				result(e)}
		},
	}, newMembers, {
		name:      "Existing Members (Updated)",
		emptyNote: "Nobody of the file was a member before.",
		ownColumns: []string{"Sheet Row", "Database Result", "Changed Columns", "Before", "After",
			"IEC Status", vdCode},
		includes: hasResult(records.Updated, records.Unchanged),
		makeCells: func(e *entry) []cell {
			o := e.outcome
			return []cell{intCell(e.n), result(e), textCell(strings.Join(o.Changed, ", ")),
				textCell(joinPairs(o.Before)), textCell(joinPairs(o.After)),
				status(e), textCell(o.VD)}
		},
		look: yellow,
	}, databaseErrors, {
		name:       "Registered in Ward",
		emptyNote:  "Nobody of the file is registered in the ward that the file names.",
		ownColumns: ward,
		includes:   func(e *entry) bool { return registered(e) && compareWards(e) != otherWard },
		makeCells:  wardCells,
	}, {
		name:       "Different Ward",
		emptyNote:  "Nobody of the file is registered in another ward than the file names.",
		ownColumns: ward,
		includes:   func(e *entry) bool { return registered(e) && compareWards(e) == otherWard },
		makeCells:  wardCells,
	}, {
		name:       "Warnings",
		emptyNote:  "No accepted row has a warning.",
		ownColumns: []string{"Sheet Row", "Warnings", "Warning Fields", "Warning Codes"},
		includes:   func(e *entry) bool { return e.row != nil && len(e.row.Warnings) > 0 },
		makeCells: func(e *entry) []cell {
			list := e.row.Warnings
			return []cell{intCell(e.n), textCell(joinMessages(list)),
				textCell(joinWarnings(list, func(w records.Warning) string { return w.Field }, "; ")),
				textCell(joinWarnings(list, func(w records.Warning) string { return w.Code }, "; "))}
		},
	}}
}
