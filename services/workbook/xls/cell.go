package xls

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// readCells reads the record of a cell, or of several in a row.
func (r *rowReader) readCells() error {
	body, err := r.in.body()
	if err != nil {
		return err
	}
	// Row, column and style are in front: [MS-XLS] 2.5.13 Cell. BIFF2 has three bytes of
	// attributes instead of a style.
	head := 6
	old := r.in.kind < recFormula || r.in.kind == recFormula && r.book.version == 2
	if old {
		head = 7
	}
	switch r.in.kind {
	case recMulRk:
		return r.readMulRk(body)
	case recMulBlank:
		return r.readMulBlank(body)
	}
	if len(body) < head {
		return errShort
	}
	column, cell := int(le16(body[2:])), Cell{Style: int(le16(body[4:]))}
	if old {
		cell.Style = int(body[4] & 0x3F)
		if cell.Style == 0x3F && r.style >= 0 {
			cell.Style = r.style
		}
		r.style = -1
	}
	if err := r.readCell(&cell, body[head:], head); err != nil {
		return err
	}
	return r.put(column, &cell)
}

// readCell reads what a cell holds from the rest of its record, which begins at an offset.
func (r *rowReader) readCell(cell *Cell, rest []byte, from int) error {
	switch r.in.kind {
	case recLabelSst: // 2.4.149 LabelSst
		if len(rest) < 4 {
			return errShort
		}
		cell.Kind, cell.Index = Shared, int(le32(rest))
	case recRK: // 2.4.220 RK
		if len(rest) < 4 {
			return errShort
		}
		cell.setNumber(decodeRK(le32(rest)))
	case recNumber, recNumber2: // 2.4.180 Number
		if len(rest) < 8 {
			return errShort
		}
		cell.setNumber(decodeFloat(rest))
	case recInteger2:
		if len(rest) < 2 {
			return errShort
		}
		cell.setNumber(float64(le16(rest)))
	case recBoolErr, recBoolErr2: // 2.4.24 BoolErr
		if len(rest) < 2 {
			return errShort
		}
		cell.setBoolOrError(rest[0], rest[1] != 0)
	case recLabel, recRString: // 2.4.148 Label, and with runs of looks
		return r.readLabel(cell, from, 2)
	case recLabel2:
		return r.readLabel(cell, from, 1)
	case recFormula, recFormula3, recFormula4: // 2.4.127 Formula
		if len(rest) < 8 {
			return errShort
		}
		return r.readFormula(cell, rest)
	}
	return nil
}

// put puts a cell into the row.
func (r *rowReader) put(column int, cell *Cell) error {
	if column >= maxColumns {
		return errors.New("more columns than a sheet has")
	}
	for len(r.row.Cells) <= column {
		r.row.Cells = append(r.row.Cells, Cell{})
	}
	at := &r.row.Cells[column]
	switch {
	case at.Kind == Blank && !at.NoResult:
		*at = *cell
	case cell.Kind == Blank && !cell.NoResult, at.same(cell):
	default:
		*at = *cell
		at.Twice = true
	}
	return nil
}

// readMulRk reads numbers of several columns: [MS-XLS] 2.4.175 MulRk.
func (r *rowReader) readMulRk(body []byte) error {
	if len(body) < 6 {
		return errShort
	}
	column := int(le16(body[2:]))
	for rest := body[4 : len(body)-2]; len(rest) >= 6; rest = rest[6:] {
		cell := Cell{Style: int(le16(rest))}
		cell.setNumber(decodeRK(le32(rest[2:])))
		if err := r.put(column, &cell); err != nil {
			return err
		}
		column++
	}
	return nil
}

// readMulBlank reads blank cells of several columns: [MS-XLS] 2.4.174 MulBlank. Where they
// end is told by their number, for some programs write a wrong last column.
func (r *rowReader) readMulBlank(body []byte) error {
	if len(body) < 6 {
		return errShort
	}
	column := int(le16(body[2:]))
	for rest := body[4 : len(body)-2]; len(rest) >= 2; rest = rest[2:] {
		if err := r.put(column, &Cell{Style: int(le16(rest))}); err != nil {
			return err
		}
		column++
	}
	return nil
}

// readLabel reads a text that stands in the cell.
func (r *rowReader) readLabel(cell *Cell, from, lengthBytes int) error {
	begin := len(r.text)
	text, err := r.book.readText(r.in, from, lengthBytes, r.text)
	if err != nil {
		return err
	}
	return r.setText(cell, text, begin)
}

// setText gives a cell the text behind begin, which was appended to that of the row.
func (r *rowReader) setText(cell *Cell, text []byte, begin int) error {
	if r.text = text; len(text) > r.book.limits.Row {
		return &LimitError{LimitRow, r.book.limits.Row}
	}
	cell.Kind, cell.Text = Text, text[begin:len(text):len(text)]
	return nil
}

// readFormula reads the stored result of a formula: [MS-XLS] 2.5.133 FormulaValue.
func (r *rowReader) readFormula(cell *Cell, rest []byte) error {
	cell.Formula = true
	if rest[6] != 0xFF || rest[7] != 0xFF || r.book.version == 2 {
		cell.setNumber(decodeFloat(rest))
		const always = 3 // to be calculated when the file is opened
		if cell.Number == 0 && r.neverCalculated(rest) && rest[8]&always == always {
			*cell = Cell{Style: cell.Style, Formula: true, NoResult: true}
		}
		return nil
	}
	switch rest[0] {
	case 0: // a String record behind the formula has it
		return r.readResult(cell)
	case 1:
		cell.setBoolOrError(rest[2], false)
	case 2:
		cell.setBoolOrError(rest[2], true)
	case 3: // an empty text
		if cell.NoResult = r.neverCalculated(rest); !cell.NoResult {
			cell.Kind = Text
		}
	default:
		cell.NoResult = true
	}
	return nil
}

// neverCalculated reports whether a program wrote a formula that does not calculate: it
// leaves out what programs note that do, in the workbook and beside the formula ([MS-XLS]
// 2.4.127, chn). Such programs write zero or an empty text for every result.
func (r *rowReader) neverCalculated(rest []byte) bool {
	return r.book.version == 8 && !r.book.calculated && len(rest) >= 14 && le32(rest[10:]) == 0
}

// readResult reads the text that is the result of a formula: [MS-XLS] 2.4.268 String.
// Between the two is what formulas share.
func (r *rowReader) readResult(cell *Cell) error {
	begin := len(r.text)
	for {
		err := r.in.next()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			cell.NoResult = true
			return nil
		}
		if err != nil {
			return err
		}
		lengthBytes := 2
		switch r.in.kind {
		case recContinue, recShrFmla, recArray, recTable:
			continue
		case recString2:
			lengthBytes = 1
		case recString:
		default:
			r.in.unread()
			cell.NoResult = true
			return nil
		}
		text, err := r.book.readText(r.in, 0, lengthBytes, r.text)
		if err != nil {
			return err
		}
		return r.setText(cell, text, begin)
	}
}

// setNumber sets a number. Those that are none mean that a calculation failed.
func (c *Cell) setNumber(n float64) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		c.setBoolOrError(0x24, true)
		return
	}
	c.Kind, c.Number = Number, n
}

// errorTexts are the values of [MS-XLS] 2.5.10 BErr.
var errorTexts = map[byte][]byte{
	0x00: []byte("#NULL!"), 0x07: []byte("#DIV/0!"), 0x0F: []byte("#VALUE!"), 0x17: []byte("#REF!"),
	0x1D: []byte("#NAME?"), 0x24: []byte("#NUM!"), 0x2A: []byte("#N/A"), 0x2B: []byte("#GETTING_DATA"),
}

// setBoolOrError sets a truth value or an error: [MS-XLS] 2.5.12 Bes.
func (c *Cell) setBoolOrError(value byte, failed bool) {
	if failed {
		c.Kind, c.Text = Error, errorTexts[value]
		if c.Text == nil {
			c.Text = []byte("#UNKNOWN!")
		}
		return
	}
	c.Kind, c.Index = Bool, 0
	if value != 0 {
		c.Index = 1
	}
}

// decodeRK returns the number that four bytes stand for: [MS-XLS] 2.5.217 RkNumber.
func decodeRK(rk uint32) float64 {
	n := 0.0
	if rk&2 != 0 {
		n = float64(int32(rk) >> 2)
	} else {
		n = math.Float64frombits(uint64(rk&^3) << 32)
	}
	if rk&1 != 0 {
		n /= 100
	}
	return n
}

func decodeFloat(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
