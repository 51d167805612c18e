package rowhistory

import "rollcall.example/events/records"

// rules are those that decide about a row, in their order.
var rules = []string{
	records.RejectMissing, records.RejectFormat, records.RejectChecksum, records.RejectDate, records.RejectDuplicate,
}

// addCells adds the cells of a row that was accepted, or of one that was rejected.
func (h *History) addCells(head records.Header, row *records.Row, reject *records.RejectedRow) {
	fields := make(map[int]string, len(head.Fields))
	for field, i := range head.Fields {
		fields[i] = field
	}
	var cells []string
	if row != nil {
		cells, h.Accepted = row.Cells, true
		h.Warnings = append(h.Warnings, row.Warnings...)
	} else {
		cells = reject.Cells
	}
	for i := range max(len(cells), len(head.Columns)) {
		c := Cell{Column: at(head.Columns, i), Text: at(cells, i), Field: fields[i]}
		if row != nil && c.Field != "" {
			c.Value = row.Fields[c.Field]
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
