package validation

import (
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// rejectObjected returns the rejected row of a person who has objected to being on a
// roll; nil for everybody else. It has the number of the row and nothing else of it.
// The ID number may stand in the cell in a way that makes the row invalid.
func (j *Judge) rejectObjected(n int, cell string, id ID) *records.RejectedRow {
	if j.objected == nil {
		return nil
	}
	numbers := spelling.Numbers(cell)
	if id.Number != "" {
		numbers = append(numbers, id.Number)
	}
	for _, number := range numbers {
		if j.objected(number) {
			j.stats.ValidIDs++
			j.stats.Objected++
			return &records.RejectedRow{N: n, Code: records.RejectObjected, Cells: []string{},
				Message: "The person has objected to being on a roll."}
		}
	}
	return nil
}
