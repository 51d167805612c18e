package report

import (
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// rowSheet is a sheet of uploaded rows. Its first columns explain a row, the
// others are those of the upload.
type rowSheet struct {
	name string
	// empty is the sentence of a sheet without rows.
	empty   string
	explain []string
	take    func(*entry) bool
	// cells are as many as explain.
	cells func(*entry) []cell
	// as is how the rows look; plain means each as everywhere else.
	as look
}

func isVerdict(s records.VerdictStatus) func(*entry) bool {
	return func(e *entry) bool { return e.row != nil && e.verdict.Status == s }
}

func isOutcome(results ...string) func(*entry) bool {
	return func(e *entry) bool {
		for _, r := range results {
			if e.row != nil && e.outcome.Result == r {
				return true
			}
		}
		return false
	}
}

// lookOf is how a row looks where its sheet has no look of its own.
func lookOf(e *entry) look {
	switch {
	case e.reject != nil && e.reject.Code == records.RejectDuplicate:
		return yellow
	case e.reject != nil, e.verdict.Status == records.NotRegistered:
		return red
	case e.outcome.Result == records.Updated, e.outcome.Result == records.Unchanged:
		return yellow
	}
	return plain
}

// rowSheets are all but the Summary, in the order of the workbook.
func rowSheets(options events.Options) []rowSheet {
	result := func(e *entry) cell { return text(outcomeWord(e.outcome.Result, options)) }
	vdCode := "VD Code Written"
	switch {
	case options.DryRun:
		vdCode = "VD Code To Be Written"
	case options.Undoes != "":
		vdCode = "VD Code Now"
	}
	status := func(e *entry) cell { return text(verdictWord(e.verdict.Status)) }
	iec := []string{"Sheet Row", "IEC Status", "IEC's Word", "Asked (SAST)", "Database Result"}
	iecCells := func(e *entry) []cell {
		return []cell{whole(e.n), status(e), text(e.verdict.VoterStatus), moment(e.verdict.At), result(e)}
	}
	ward := []string{"Sheet Row", "Ward Check", "IEC Ward", "IEC VD", "IEC Station",
		"IEC Municipality Code", "IEC Municipality", "IEC Province", vdCode, "Database Result"}
	wardCells := func(e *entry) []cell {
		v := e.verdict
		return []cell{whole(e.n), text(string(checkWard(e))), text(v.Ward), text(v.VD), text(v.Station),
			text(v.MunicipalityCode), text(v.Municipality), text(v.Province), text(e.outcome.VD), result(e)}
	}
	registered := isVerdict(records.Registered)
	news := rowSheet{
		name:    "New Members",
		empty:   "Nobody of the file is a new member.",
		explain: []string{"Sheet Row", "Database Result", "IEC Status", "IEC Ward", "IEC VD", vdCode},
		take:    isOutcome(records.Inserted),
		cells: func(e *entry) []cell {
			return []cell{whole(e.n), result(e), status(e), text(e.verdict.Ward), text(e.verdict.VD), text(e.outcome.VD)}
		},
	}
	errors := rowSheet{
		name:    "Database Errors",
		empty:   "The database refused no row.",
		explain: []string{"Sheet Row", "Database Error"},
		take:    isOutcome(records.Refused),
		cells:   func(e *entry) []cell { return []cell{whole(e.n), text(e.outcome.Error)} },
	}
	if options.Undoes != "" {
		news.name, news.empty, news.take = "Removed Members", "Nobody of the file had become a member by the job that was undone.", isOutcome(records.Removed)
		errors.name, errors.empty, errors.take = "Left As They Are", "Nobody of the file was changed since by another job.", isOutcome(records.Kept)
		errors.explain = []string{"Sheet Row", "Reason"}
	}

	return []rowSheet{{
		name:    "All Uploaded Rows",
		empty:   "The file has no rows.",
		explain: []string{"Sheet Row", "Result", "Reason", "IEC Status", "IEC Ward", "IEC VD", vdCode, "Warnings"},
		take:    func(*entry) bool { return true },
		cells: func(e *entry) []cell {
			if e.reject != nil {
				return []cell{whole(e.n), text(rejectWord(e.reject.Code)), text(e.reject.Message),
					text(""), text(""), text(""), text(""), text("")}
			}
			reason := e.outcome.Error
			if reason == "" && e.verdict.Status == records.Unverified {
				reason = unverifiedWord(e.verdict.Reason)
			}
			return []cell{whole(e.n), result(e), text(reason), status(e), text(e.verdict.Ward), text(e.verdict.VD),
				text(e.outcome.VD), text(messages(e.row.Warnings))}
		},
	}, {
		name:    "Invalid IDs",
		empty:   "Every row has a valid ID number.",
		explain: []string{"Sheet Row", "Code", "Reason", "Offending Cell"},
		take:    func(e *entry) bool { return e.reject != nil && e.reject.Code != records.RejectDuplicate },
		cells: func(e *entry) []cell {
			return []cell{whole(e.n), text(e.reject.Code), text(e.reject.Message), text(e.reject.Cell)}
		},
		as: red,
	}, {
		name:    "Duplicates",
		empty:   "No ID number occurs twice in the file.",
		explain: []string{"Sheet Row", "Occurrence", "ID Number Read", "Times", "First Row", "All Rows"},
		take: func(e *entry) bool {
			return e.repeats != nil || e.reject != nil && e.reject.Code == records.RejectDuplicate
		},
		cells: func(e *entry) []cell {
			d, which := e.reject, "Repeated, left out"
			if d == nil {
				d, which = e.repeats, "First, kept"
			}
			return []cell{whole(e.n), text(which), text(d.ID), whole(d.Count), whole(d.FirstRow), text(numbers(d.Rows))}
		},
		as: yellow,
	}, {
		name:    "Deceased Voters",
		empty:   "The IEC knows nobody of the file as deceased.",
		explain: iec,
		take:    isVerdict(records.Deceased),
		cells:   iecCells,
	}, {
		name:    "Not Registered",
		empty:   "Nobody of the file was found not to be registered as a voter.",
		explain: iec,
		take:    isVerdict(records.NotRegistered),
		cells:   iecCells,
		as:      red,
	}, {
		name:    "Unverified",
		empty:   "The IEC answered about everybody with a valid ID number.",
		explain: []string{"Sheet Row", "Code", "Reason", "Database Result"},
		take:    isVerdict(records.Unverified),
		cells: func(e *entry) []cell {
			return []cell{whole(e.n), text(e.verdict.Reason), text(unverifiedWord(e.verdict.Reason)), result(e)}
		},
	}, news, {
		name:  "Existing Members (Updated)",
		empty: "Nobody of the file was a member before.",
		explain: []string{"Sheet Row", "Database Result", "Changed Columns", "Before", "After",
			"IEC Status", vdCode},
		take: isOutcome(records.Updated, records.Unchanged),
		cells: func(e *entry) []cell {
			o := e.outcome
			return []cell{whole(e.n), result(e), text(strings.Join(o.Changed, ", ")), text(pairs(o.Before)), text(pairs(o.After)),
				status(e), text(o.VD)}
		},
		as: yellow,
	}, errors, {
		name:    "Registered in Ward",
		empty:   "Nobody of the file is registered in the ward that the file names.",
		explain: ward,
		take:    func(e *entry) bool { return registered(e) && checkWard(e) != otherWard },
		cells:   wardCells,
	}, {
		name:    "Different Ward",
		empty:   "Nobody of the file is registered in another ward than the file names.",
		explain: ward,
		take:    func(e *entry) bool { return registered(e) && checkWard(e) == otherWard },
		cells:   wardCells,
	}, {
		name:    "Warnings",
		empty:   "No accepted row has a warning.",
		explain: []string{"Sheet Row", "Warnings", "Warning Fields", "Warning Codes"},
		take:    func(e *entry) bool { return e.row != nil && len(e.row.Warnings) > 0 },
		cells: func(e *entry) []cell {
			list := e.row.Warnings
			return []cell{whole(e.n), text(messages(list)),
				text(warnings(list, func(w records.Warning) string { return w.Field }, "; ")),
				text(warnings(list, func(w records.Warning) string { return w.Code }, "; "))}
		},
	}}
}
