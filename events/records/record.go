package records

import (
	"time"

	"rollcall.example/events"
)

//go:generate go run ./gen

// The records of the artifacts. Row numbers are those of the uploaded sheet, from
// 1. codec_gen.go is generated from the types and tags of this file.

// Row is a line of the artifact rows: a row with a valid ID number that no
// earlier row has.
type Row struct {
	N int `json:"n"`
	// ID is the 13-digit ID number.
	ID string `json:"id"`
	// Fields maps the canonical name of a column (schema/columns) to the
	// normalised text of its cell: dates as 2006-01-02, money with two
	// decimals, ward and voting district as 8 digits. A blank or unreadable
	// cell has no entry.
	Fields map[string]string `json:"fields,omitempty"`
	// Guessed names the fields that no cell of their own gave: parts of a full
	// name. Artifacts from before there were full names have none.
	Guessed []string `json:"guessed,omitempty"`
	// Clear names the fields that a member is to have no longer. None of them is
	// in Fields.
	Clear []string `json:"clear,omitempty"`
	// Cells are the texts of the row as uploaded, in the order of the header. Far
	// are those that stand apart from them; see PackCells. Texts yields both.
	Cells    []string  `json:"cells"`
	Far      []FarCell `json:"far,omitempty"`
	Warnings []Warning `json:"warnings,omitempty"`
}

// FarCell is a filled cell to the right of many empty ones.
type FarCell struct {
	Column int    `json:"column"` // from 0
	Text   string `json:"text"`
}

// Warning says that something in a row is odd. The row goes on.
type Warning struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of a RejectedRow.
const (
	RejectMissing = "missing"
	RejectFormat  = "format"
	// RejectScientific: a spreadsheet has shown the ID number in scientific notation,
	// and that is what was saved: digits are lost.
	RejectScientific = "id_scientific"
	RejectChecksum   = "checksum"
	RejectDate       = "date"
	RejectDuplicate  = "duplicate"
	// RejectNoResult: the cell of the ID number has a formula, and the file not its result.
	RejectNoResult = "formula_without_result"
	// RejectOutOfArea: the ID number is valid, but the row lies outside the
	// uploader's area, or names no place by which that can be told.
	RejectOutOfArea = "out_of_area"
	// RejectObjected: the person has objected to being on a roll. The row has its
	// number and nothing else.
	RejectObjected = "objected"
)

// RejectedRow is a line of the artifact rejects: a row that does not go on.
type RejectedRow struct {
	N       int    `json:"n"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Cell is the text of the cell that is wrong, as uploaded.
	Cell string `json:"cell"`
	// Cells and Far are as in Row.
	Cells []string  `json:"cells"`
	Far   []FarCell `json:"far,omitempty"`
	// ID, FirstRow, Rows and Count are set for duplicates. The first row with
	// an ID number is in rows; all later ones are in rejects. Rows are the
	// numbers of all of them, at most 100; Count is how many there are.
	ID       string `json:"id,omitempty"`
	FirstRow int    `json:"first_row,omitempty"`
	Rows     []int  `json:"rows,omitempty"`
	Count    int    `json:"count,omitempty"`
}

// VerdictStatus is what the IEC says about a person.
type VerdictStatus string

// The classes of a verdict. Unverified means that the IEC was not asked or did
// not answer; it never counts as not registered.
const (
	Registered    VerdictStatus = "registered"
	NotRegistered VerdictStatus = "not_registered"
	Deceased      VerdictStatus = "deceased"
	International VerdictStatus = "international"
	Unverified    VerdictStatus = "unverified"
)

// Verdict is a line of the artifact verdicts, in the order of rows.
type Verdict struct {
	N      int           `json:"n"`
	Status VerdictStatus `json:"status"`
	// Reason says why a row is unverified: disabled, or a code of the error of
	// the API.
	Reason string `json:"reason,omitempty"`
	// VoterStatus is the text of the IEC.
	VoterStatus      string `json:"voter_status,omitempty"`
	Ward             string `json:"ward,omitempty"` // 8 digits
	VD               string `json:"vd,omitempty"`   // 8 digits
	Station          string `json:"station,omitempty"`
	MunicipalityCode string `json:"municipality_code,omitempty"`
	Municipality     string `json:"municipality,omitempty"`
	Province         string `json:"province,omitempty"`
	// At is when the IEC answered; zero for an unverified row.
	At time.Time `json:"at,omitzero"`
}

// Results of an Outcome.
const (
	Inserted  = "inserted"
	Updated   = "updated"
	Unchanged = "unchanged"
	Refused   = "refused"
	// Results of an undo. Removed: the member that the job inserted was deleted.
	// Kept: the member has changed since and stays as it is. A member whose old
	// values were restored is Updated.
	Removed = "removed"
	Kept    = "kept"
	// Transfer: the person is a member outside the job's area. Nothing was read
	// or changed. The row waits for somebody whose area covers both, and the
	// outcome says nothing else.
	Transfer = "transfer"
	// Objected: the person has objected to being on a roll since the file was
	// validated. Nothing was read or changed.
	Objected = "objected"
	// Known: the job only adds people, and the person is a member already. Nothing
	// was changed.
	Known = "known"
	// Unknown: the job adds nobody, and the person is no member in the job's area.
	// A member outside of it looks the same: the outcome says nothing else.
	Unknown = "unknown"
)

// Withholds reports whether a row with this result says nothing of what was found
// out about its person. Of somebody unknown to a job of a part of the country nobody
// is to learn by the IEC's answer who it is.
func Withholds(job *events.Job, result string) bool {
	return result == Transfer || result == Unknown && job.MayWait()
}

// Outcome is a line of the artifact outcomes, in the order of rows.
type Outcome struct {
	N      int    `json:"n"`
	Result string `json:"result"`
	// Changed names the columns that an update changed.
	Changed []string `json:"changed,omitempty"`
	// Cleared names those of them that the update emptied, as the file asked.
	Cleared []string `json:"cleared,omitempty"`
	// Before and After hold the ward and the voting district, when they
	// changed.
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
	// VD is the voting district code that was written; "" for none.
	VD string `json:"vd,omitempty"`
	// Error says why the database refused the row.
	Error string `json:"error,omitempty"`
	// Digest is made of all that the row writes over what is there, with the salt
	// of the header as its key, in hexadecimal. Outcomes of dry runs have it; ""
	// for all others.
	Digest string `json:"digest,omitempty"`
}
