// Package cases is the log of what is done for one person on request: erasing or
// exporting what is stored, objecting to being on a roll, and lifting an objection.
// Each is a case with a number, and its history is in the stream CASES, one message
// a fact, on the subjects case.<caseId>.<kind>. No fact has an ID number in it: the
// person is a keyed hash (package person).
package cases

import (
	"time"

	"rollcall.example/events"
)

// Kind is what is done for the person.
type Kind string

// The kinds of cases.
const (
	// Erase removes everything that is stored of a person, and objects for them.
	Erase Kind = "erase"
	// Export collects everything that is stored of a person.
	Export Kind = "export"
	// Object keeps a person from being written, and removes nothing.
	Object Kind = "object"
	// Lift takes an objection back.
	Lift Kind = "lift"
)

// Kinds lists the kinds of cases.
var Kinds = []Kind{Erase, Export, Object, Lift}

// FactKind is the last token of a fact's subject.
type FactKind string

// The kinds of facts.
const (
	KindRequested FactKind = "requested"
	KindApproved  FactKind = "approved"
	KindDeclined  FactKind = "declined"
	// KindWorked is a pass that could not finish: jobs are still under way.
	KindWorked    FactKind = "worked"
	KindCompleted FactKind = "completed"
	KindFailed    FactKind = "failed"
)

// FactKinds lists the kinds of facts. Their subjects are those of the stream CASES.
var FactKinds = []FactKind{KindRequested, KindApproved, KindDeclined, KindWorked, KindCompleted, KindFailed}

// Meta is what every body says of itself. Append fills it in.
type Meta struct {
	CaseID string   `json:"case_id"`
	Kind   FactKind `json:"type"`
	// At is when the fact was made, in UTC.
	At time.Time `json:"at"`
}

func (m *Meta) meta() *Meta { return m }

// Fact is the body of a message on the stream CASES.
type Fact interface {
	FactKind() FactKind
	meta() *Meta
}

// IDOf returns the number of the case that a stored fact belongs to.
func IDOf(f Fact) string { return f.meta().CaseID }

// Requested says that somebody asks for something.
type Requested struct {
	Meta
	What Kind `json:"kind"`
	// Person is the keyed hash of the ID number.
	Person string `json:"person"`
	// By asks for it, from a network address or a host.
	By     events.User `json:"by"`
	From   string      `json:"from"`
	Reason string      `json:"reason"`
	// FourEyes says that somebody else must approve the case.
	FourEyes bool `json:"four_eyes"`
	// Number is the ID number, sealed, for as long as it is needed.
	Number events.Artifact `json:"number"`
}

// Approved says that another person lets the case go on.
type Approved struct {
	Meta
	By     events.User `json:"by"`
	From   string      `json:"from"`
	Reason string      `json:"reason"`
}

// Declined says that the case is not done. It has ended.
type Declined struct {
	Meta
	By     events.User `json:"by"`
	From   string      `json:"from"`
	Reason string      `json:"reason"`
}

// Worked says that a pass was made and another one is needed.
type Worked struct {
	Meta
	Result Result `json:"result"`
}

// Completed says that the case is done. It has ended.
type Completed struct {
	Meta
	Result Result `json:"result"`
	// Export is the sealed export; nil for the other kinds.
	Export *events.Artifact `json:"export,omitempty"`
}

// Failed says that the case cannot be done. It has ended.
type Failed struct {
	Meta
	// Code is stable; Message is a sentence for the person who asked.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of Failed.
const (
	// FailedNumber means that the ID number of the case is no longer kept, or was
	// sealed with another key.
	FailedNumber = "number_not_kept"
)

// FactKind implements Fact.
func (*Requested) FactKind() FactKind { return KindRequested }
func (*Approved) FactKind() FactKind  { return KindApproved }
func (*Declined) FactKind() FactKind  { return KindDeclined }
func (*Worked) FactKind() FactKind    { return KindWorked }
func (*Completed) FactKind() FactKind { return KindCompleted }
func (*Failed) FactKind() FactKind    { return KindFailed }

func newFact(kind FactKind) Fact {
	switch kind {
	case KindRequested:
		return &Requested{}
	case KindApproved:
		return &Approved{}
	case KindDeclined:
		return &Declined{}
	case KindWorked:
		return &Worked{}
	case KindCompleted:
		return &Completed{}
	case KindFailed:
		return &Failed{}
	}
	return nil
}

// Result is what was found, and for a case that erases: what was removed and what is
// left. It names places and no values.
type Result struct {
	// Gone is true if nothing of the person is left and nothing looks like them. Only
	// a case that erases sets it.
	Gone bool `json:"gone"`
	// Jobs are those whose artifacts, files or file name named the person.
	Jobs []string `json:"jobs"`
	// Members and Outcomes count rows of the database: the member, and what jobs have
	// recorded about the member.
	Members  int64 `json:"members"`
	Outcomes int64 `json:"outcomes"`
	// Mentions counts texts of other people's rows and of tables that named the person.
	Mentions int `json:"mentions"`
	// Unfinished counts uploads in parts that named the person.
	Unfinished int `json:"unfinished_uploads"`
	// Answer is true if the IEC's answer was in the cache, or for a case that erases
	// if the cache could be cleared.
	Answer bool `json:"iec_answer"`
	// Objected is true if the person is on the list of objections now.
	Objected bool `json:"objected"`
	// Remains are places that still name the person. Possible are places with
	// something like the ID number, for somebody to look at.
	Remains  []Place `json:"remains"`
	Possible []Place `json:"possible"`
	// More counts places that are not listed because there are too many.
	More int `json:"more_places,omitempty"`
	// Busy are jobs that have not ended. The person may be in them.
	Busy []string `json:"busy"`
	// Unread are jobs with an artifact or a file that could not be searched: it is
	// missing, altered or invalid. The person may be in it.
	Unread []string `json:"unread"`
}

// Place is somewhere that names a person.
type Place struct {
	// Where is a table and its column, an event and its field, or a file of a job.
	Where string `json:"where"`
	JobID string `json:"job_id,omitempty"`
	// Row and Column are those of the uploaded sheet, or of the sheet of the file,
	// from 1; 0 for none.
	Row    int `json:"row,omitempty"`
	Column int `json:"column,omitempty"`
	// Count is how many such places there are where they are not told apart; 0 is one.
	Count int `json:"count,omitempty"`
}

// MaxPlaces is how many places a result lists.
const MaxPlaces = 500
