package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// What a report calls the codes of the artifacts.

func describeVerdict(s records.VerdictStatus) string {
	switch s {
	case records.Registered:
		return "Registered"
	case records.NotRegistered:
		return "Not registered"
	case records.Deceased:
		return "Deceased"
	case records.International:
		return "Registered abroad"
	case records.Unverified:
		return "Unverified"
	}
	return string(s)
}

func describeOutcome(result string, options events.Options) string {
	if options.Undoes != "" {
		switch result {
		case records.Updated:
			return "Values put back"
		case records.Unchanged:
			return "Nothing to put back"
		}
	}
	switch result {
	case records.Inserted:
		if options.DryRun {
			return "Would be a new member"
		}
		return "New member"
	case records.Updated:
		if options.DryRun {
			return "Existing member, would be updated"
		}
		return "Existing member, updated"
	case records.Unchanged:
		return "Existing member, unchanged"
	case records.Refused:
		return "Refused by the database"
	case records.Removed:
		return "Member no more"
	case records.Kept:
		return "Changed since, left as it is"
	case records.Transfer:
		return "Waits for another area"
	case records.Objected:
		return "Has objected, left out"
	case records.Known:
		return "Member already, left alone"
	case records.Unknown:
		return "No member, not added"
	}
	return result
}

func describeReject(code string) string {
	switch code {
	case records.RejectObjected:
		return "Has objected, left out"
	case records.RejectDuplicate:
		return "Duplicate, left out"
	case records.RejectOutOfArea:
		return "Outside of your area, left out"
	}
	return "Invalid ID number, left out"
}

// waitsReason is all that a report says of a row that waits.
const waitsReason = "Waits for somebody whose area covers both the row and the member."

// What a report says of the rows that the mode of the upload leaves out.
const (
	knownReason   = "The person is a member already, and the upload only adds people (mode=create)."
	unknownReason = "No member that the upload may change has this ID number, and it adds nobody (mode=update)."
)

// describeOmission says why a row was left out that the database took no offence at,
// "" for one that was not.
func describeOmission(result string) string {
	switch result {
	case records.Transfer:
		return waitsReason
	case records.Known:
		return knownReason
	case records.Unknown:
		return unknownReason
	}
	return ""
}

// reasonSkipped is the reason of a verdict where the uploader skipped the IEC.
const reasonSkipped = "disabled"

// reasonNoAnswer is the reason of a verdict where the IEC gave no valid answer in several
// rounds, though it answered about others.
const reasonNoAnswer = "no_valid_answer"

func describeUnverified(reason string) string {
	switch reason {
	case reasonSkipped:
		return "The check with the IEC was switched off for this upload."
	case reasonNoAnswer:
		return "No valid answer: the IEC was asked about this person several times and answered only about others."
	case "":
		return "The IEC gave no answer about this person."
	}
	return fmt.Sprintf("The IEC gave no answer about this person (%s).", reason)
}

// wardCheck is how a registered voter's ward compares with that of the file.
type wardCheck string

const (
	sameWard      wardCheck = "Same ward as in the file"
	otherWard     wardCheck = "Another ward than in the file"
	noWardInFile  wardCheck = "The file names no ward"
	noWardFromIEC wardCheck = "The IEC names no ward"
)

func compareWards(e *entry) wardCheck {
	file := e.row.Fields[fieldWard]
	switch {
	case e.verdict.Ward == "":
		return noWardFromIEC
	case file == "":
		return noWardInFile
	case file == e.verdict.Ward:
		return sameWard
	}
	return otherWard
}

const fieldWard = "ward"

// maxListed keeps a list of rows readable; the sheet itself has a line for each
// row.
const maxListed = 50

// joinNumbers lists row numbers, at most maxListed of them.
func joinNumbers(list []int) string {
	var b strings.Builder
	for i, n := range list {
		if i == maxListed {
			fmt.Fprintf(&b, " and %d more", len(list)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// joinPairs lists the names and values of a map, by name.
func joinPairs(m map[string]string) string {
	list := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		if value == "" {
			value = "none"
		}
		list = append(list, key+" "+value)
	}
	return strings.Join(list, ", ")
}

// joinWarnings joins the same part of each warning.
func joinWarnings(list []records.Warning, part func(records.Warning) string, separator string) string {
	parts := make([]string, len(list))
	for i, w := range list {
		parts[i] = part(w)
	}
	return strings.Join(parts, separator)
}

// joinMessages joins the warnings' sentences.
func joinMessages(list []records.Warning) string {
	return joinWarnings(list, func(w records.Warning) string { return w.Message }, " ")
}
