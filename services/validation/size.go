package validation

import (
	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook"
)

// What is made of a file is bounded by the file. A few kilobytes can name one long
// text in a million cells, or fill millions of cells with one digit; artifacts and
// report hold each of those cells in full.
const (
	// roomPerFile is what the cells of any file may take, and roomPerByte what they
	// may take more for each byte of the file. Real rolls stay below a third of it.
	roomPerFile = 32 << 20
	roomPerByte = 32
	// roomOfCell is what a filled cell takes beside its text: it stands in several
	// sheets of the report.
	roomOfCell = 64
)

// room is how much the cells of a file may still take, in bytes.
type room struct{ left int64 }

func newRoom(fileSize int64) *room { return &room{roomPerFile + roomPerByte*fileSize} }

// takeRow takes what the cells of a row need, and returns how much text they hold, in bytes.
// It refuses a file of which more would come out than is in proportion to what came in.
func (r *room) takeRow(row workbook.Row) (text int, err error) {
	cells := 0
	for i := range row.Cells {
		if n := len(row.Cells[i].Text); n > 0 {
			text += n
			cells++
		}
	}
	if r.left -= int64(text) + roomOfCell*int64(cells); r.left < 0 {
		return text, refusal.New(refusal.CodeReportTooLarge, "The cells of this file hold far more than its size "+
			"lets expect: the same long text in very many cells, or very many columns that are filled in every row. "+
			"Please remove the columns that are not needed and upload it again.")
	}
	return text, nil
}
