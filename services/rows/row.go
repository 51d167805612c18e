// Package rows lists the rows of a job: what became of each, as far as it is known,
// by pages or as a whole. It answers from an index, a file that is made of the job's
// artifacts in their one order. The report stage stores it with the report; for jobs
// that run, and wherever none is kept, it is made when somebody asks.
package rows

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
	"rollcall.example/schema"
)

// Row is what a list says of a row.
type Row struct {
	// N is its number in the uploaded sheet, from 1 on.
	N int `json:"row"`
	// Status is the one of Statuses that says the most.
	Status   string   `json:"status"`
	Statuses []string `json:"statuses"`
	// Codes are those of the reject, of the warnings, and of why the IEC gave no answer.
	Codes []string `json:"codes"`
	// ID is the ID number with its middle hidden, Name that of the file.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Outcome is what the database did: none where it did nothing, or nothing yet.
	Outcome string `json:"outcome"`
	// Reason is a sentence about a row that was left out or refused.
	Reason string `json:"reason,omitempty"`
}

// noOutcome is the outcome of a row of which the database knows nothing.
const noOutcome = "none"

// Entry is an uploaded row with what is known of it: either Reject is set, or Row and
// as far as the job has got Verdict and Outcome.
type Entry struct {
	N int
	// Head is that of the rejects.
	Head    *records.Header
	Reject  *records.RejectedRow
	Row     *records.Row
	Verdict *records.Verdict
	Outcome *records.Outcome
}

// line is an entry as the index holds it.
type line struct {
	n                int
	has              set
	codes            []string
	name, id, reason string
	// search is the name as searches see it, and end the last digits of the ID number.
	search, end string
}

// endDigits is how many digits of an ID number the index can be searched by.
const endDigits = 7

// omissions say why a row was left out that the database did not refuse.
var omissions = map[string]string{
	records.Transfer: "The row waits for somebody whose area covers both the row and the member.",
	records.Known:    "The person is a member already, and the upload only adds people.",
	records.Unknown:  "No member that the upload may change has this ID number, and it adds nobody.",
	records.Objected: "The person has objected to being on a roll.",
}

// describe sets l to what may be told of an entry. It keeps no more of a row whose
// answers are withheld than that they are.
func (l *line) describe(job *events.Job, e Entry) {
	*l = line{n: e.N, codes: l.codes[:0]}
	if e.Reject != nil {
		l.describeReject(e.Head, e.Reject)
	} else {
		l.describeRow(job, e)
	}
	l.name, l.reason = maskIDs(l.name), maskIDs(l.reason)
	l.search = foldName(l.name)
}

func (l *line) describeReject(head *records.Header, r *records.RejectedRow) {
	switch r.Code {
	case records.RejectDuplicate, records.RejectOutOfArea, records.RejectObjected:
		l.has = setOf(r.Code)
	default:
		l.has = setOf(Invalid)
	}
	l.codes = append(l.codes, r.Code)
	l.reason = r.Message
	id := cmp.Or(r.ID, r.Cell)
	if r.Code == records.RejectOutOfArea {
		id = cmp.Or(r.ID, cellOf(head, r, schema.FieldID)) // the cell is the one of the place
	}
	l.id, l.end = maskCell(id), endOf(id)
	if first, last := cellOf(head, r, schema.FieldFirstname), cellOf(head, r, schema.FieldSurname); first+last != "" {
		l.name = joinName(first, last)
	} else {
		l.name = strings.TrimSpace(cellOf(head, r, schema.FieldFullName))
	}
}

func (l *line) describeRow(job *events.Job, e Entry) {
	r := e.Row
	l.has = setOf(Valid)
	l.id, l.end = events.MaskID(r.ID), endOf(r.ID)
	l.name = joinName(r.Fields[schema.FieldFirstname], r.Fields[schema.FieldSurname])
	l.name = cmp.Or(l.name, r.Fields[schema.FieldFullName])
	for _, w := range r.Warnings {
		l.addCode(w.Code)
	}
	if o := e.Outcome; o != nil {
		l.has |= setOf(o.Result)
		l.reason = cmp.Or(o.Error, omissions[o.Result])
		if records.Withholds(job, o.Result) {
			return
		}
	}
	v := e.Verdict
	if v == nil || v.Status == "" || e.Outcome == nil && job.MayWait() {
		return
	}
	l.has |= setOf(string(v.Status))
	if ward := r.Fields[schema.FieldWard]; v.Status == records.Registered && v.Ward != "" && ward != "" && ward != v.Ward {
		l.has |= setOf(DifferentWard)
	}
	if v.Reason != "" {
		l.addCode(v.Reason)
	}
}

func (l *line) addCode(code string) {
	for _, c := range l.codes {
		if c == code {
			return
		}
	}
	l.codes = append(l.codes, code)
}

// cellOf returns the cell of a field, as uploaded.
func cellOf(head *records.Header, r *records.RejectedRow, field string) string {
	i, ok := head.Fields[field]
	if !ok {
		return ""
	}
	if i < len(r.Cells) {
		return r.Cells[i]
	}
	for _, c := range r.Far {
		if c.Column == i {
			return c.Text
		}
	}
	return ""
}

func joinName(first, last string) string {
	return strings.TrimSpace(strings.TrimSpace(first) + " " + strings.TrimSpace(last))
}

// maskIDs is events.MaskIDs, at once where no digit can be.
func maskIDs(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= '0' && c <= '9' || c >= utf8.RuneSelf {
			return events.MaskIDs(text)
		}
	}
	return text
}

const (
	// maxCell is how many characters of a wrong ID number are shown.
	maxCell = 40
	// shownFirst and shownLast are how many characters of it are not hidden, where it
	// is longer than both.
	shownFirst, shownLast = 6, 2
)

// maskCell hides the middle of what stands for an ID number. A text that is too short
// to be one is shown.
func maskCell(text string) string {
	list := []rune(strings.TrimSpace(text))
	if len(list) > maxCell {
		list = append(list[:maxCell-shownLast], list[len(list)-shownLast:]...)
	}
	for i := shownFirst; i < len(list)-shownLast; i++ {
		list[i] = '*'
	}
	return string(list)
}

// endOf returns the last digits of an ID number.
func endOf(id string) string {
	if len(id) == spelling.Length && isDigits(id) {
		return id[spelling.Length-endDigits:]
	}
	digits := make([]byte, 0, endDigits)
	for i := len(id) - 1; i >= 0 && len(digits) < endDigits; i-- {
		if c := id[i]; c >= '0' && c <= '9' {
			digits = append(digits, c)
		}
	}
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	return string(digits)
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}
