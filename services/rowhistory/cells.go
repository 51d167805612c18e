package rowhistory

import (
	"iter"
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// rules are those that decide about a row, in their order.
var rules = []string{
	records.RejectMissing, records.RejectNoResult, records.RejectFormat, records.RejectScientific,
	records.RejectChecksum, records.RejectDate,
	records.RejectObjected, records.RejectOutOfArea,
	records.RejectDuplicate,
}

// addCells adds the cells of a row that was accepted, or of one that was rejected.
func (h *History) addCells(head records.Header, row *records.Row, reject *records.RejectedRow) {
	fields := make(map[int]string, len(head.Fields))
	for field, i := range head.Fields {
		fields[i] = field
	}
	texts := make(map[int]string)
	width := len(head.Columns)
	collect := func(filled iter.Seq2[int, string]) {
		for i, text := range filled {
			texts[i], width = text, max(width, i+1)
		}
	}
	if row != nil {
		collect(row.Texts())
		h.Accepted = true
		h.Warnings = append(h.Warnings, row.Warnings...)
		for _, field := range row.Guessed {
			h.Guessed = append(h.Guessed, Guess{field, row.Fields[field]})
		}
	} else {
		collect(reject.Texts())
	}
	for i := range width {
		c := Cell{Column: at(head.Columns, i), Text: texts[i], Field: fields[i]}
		if c == (Cell{}) {
			continue // nothing stands there
		}
		if h.NoHeader {
			c.Column = events.ColumnLetters(i)
		}
		if row != nil && c.Field != "" {
			c.Value, c.Cleared = row.Fields[c.Field], slices.Contains(row.Clear, c.Field)
			if i == head.Fields["id_number"] {
				c.Value = row.ID
			}
		}
		h.Cells = append(h.Cells, c)
	}
}

// addRules adds what each rule said. A row that was accepted has no reject.
func (h *History) addRules(reject *records.RejectedRow) {
	answer := "passed"
	for _, rule := range rules {
		r := Rule{Rule: rule, Answer: answer}
		if reject != nil && rule == reject.Code {
			r.Answer, r.Message, answer = "failed", reject.Message, "not_reached"
		}
		h.Rules = append(h.Rules, r)
	}
}

func at(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}
