package ods

import (
	"bytes"

	"rollcall.example/services/workbook/xmlscan"
)

// valueType is how a cell says that its value is stored.
type valueType uint8

const (
	typeNone valueType = iota
	typeNumber
	typeDate
	typeTime
	typeBool
	typeText
	typeFailed
)

func parseValueType(word []byte) valueType {
	switch string(word) {
	case "float", "percentage", "currency":
		return typeNumber
	case "date":
		return typeDate
	case "time":
		return typeTime
	case "boolean":
		return typeBool
	case "string":
		return typeText
	case "error":
		return typeFailed
	}
	return typeNone
}

// cellReader reads the cells of a row, one after the other.
type cellReader struct {
	kind     valueType
	repeated int
	formula  bool
	text     []byte // of the row; cells have pieces of it
	from     int    // where the paragraphs of the cell begin
}

// beginRow forgets the texts of the row before.
func (r *cellReader) beginRow() { r.text = r.text[:0] }

// read reads the cell that was just opened, to its end, and how often it is there.
func (r *cellReader) read(c *cursor) (cell Cell, repeated int, err error) {
	begin := len(r.text)
	value, err := r.readAttributes(c.x)
	if err != nil {
		return Cell{}, 0, err
	}
	r.from = len(r.text)
	if !c.x.Empty {
		// The text of a number only repeats its value, except where a formula failed: some
		// programs store that as a number, Excel as 0.
		wanted := len(value) == 0 || r.formula || r.kind == typeFailed || string(value) == "0"
		if cell.Lost, err = r.readText(c.x, wanted); err != nil {
			return Cell{}, 0, err
		}
	}
	cell.Formula = r.formula
	shown := r.text[r.from:len(r.text):len(r.text)]
	switch text := bytes.TrimSpace(shown); {
	case r.kind == typeFailed, r.kind == typeNumber && isFailure(text):
		cell.Kind, cell.Text = Failed, text
	case len(value) == 0:
		cell.NoResult = r.formula && r.kind != typeText && len(text) == 0
		cell.Text = shown
	case r.kind == typeNumber:
		cell.Kind, cell.Text = Number, bytes.TrimSpace(value)
	case r.kind == typeDate:
		cell.Kind, cell.Text = convertDate(bytes.TrimSpace(value))
	case r.kind == typeTime:
		cell.Kind, cell.Text = convertDuration(bytes.TrimSpace(value))
	case r.kind == typeBool:
		cell.Text = bytes.ToUpper(bytes.TrimSpace(value))
	default:
		cell.Text = value
	}
	cell.Lost = cell.Lost && len(cell.Text) == 0
	cell.Text, cell.Cut = c.meter.FitCell(cell.Text)
	r.text = append(r.text[:begin], cell.Text...) // of the rest there may be much
	cell.Text = r.text[begin:len(r.text):len(r.text)]
	return cell, r.repeated, nil
}

// isFailure reports whether a text is how a program shows that a formula failed.
func isFailure(text []byte) bool {
	return len(text) > 1 && text[0] == '#' && text[1] >= 'A' && text[1] <= 'Z' || bytes.HasPrefix(text, []byte("Err:"))
}

// readAttributes reads what the element of the cell says. Names have no prefix here: a
// type that a program adds in words of its own stands beside the one of the standard. The
// value is that of the attribute for the type.
func (r *cellReader) readAttributes(x *xmlscan.Scanner) (value []byte, err error) {
	r.kind, r.repeated, r.formula = typeNone, 1, false
	var values [typeFailed + 1][]byte // by type
	if err := x.VisitAttributes(func(name, value []byte) {
		switch string(name) {
		case "number-columns-repeated":
			r.repeated = parseRepeated(value)
		case "formula":
			r.formula = true
		case "value-type":
			if kind := parseValueType(value); r.kind == typeNone || kind == typeFailed {
				r.kind = kind
			}
		case "value":
			values[typeNumber] = value
		case "date-value":
			values[typeDate] = value
		case "time-value":
			values[typeTime] = value
		case "boolean-value":
			values[typeBool] = value
		case "string-value":
			values[typeText] = value
		}
	}); err != nil {
		return nil, err
	}
	for kind := typeNumber; r.kind == typeNone && kind <= typeText; kind++ {
		if len(values[kind]) > 0 {
			r.kind = kind
		}
	}
	begin := len(r.text)
	r.text, err = xmlscan.AppendText(r.text, values[r.kind], false)
	return r.text[begin:len(r.text):len(r.text)], err
}

// readText reads the paragraphs of the cell that was just opened, where they are wanted,
// and goes to the cell's end. It leaves out notes and drawings. Lost says that there is a
// table in the cell, which nothing shows.
func (r *cellReader) readText(x *xmlscan.Scanner, wanted bool) (lost bool, err error) {
	paragraphs := 0
	for end := x.Depth(); ; {
		t, err := x.Next()
		switch {
		case err != nil:
			return false, err
		case t == xmlscan.End:
			return false, xmlscan.ErrMalformed
		case t == xmlscan.Close && x.Depth() < end:
			return lost, nil
		case t != xmlscan.Open:
			continue
		}
		switch name := string(x.Name); {
		case name == "p" || name == "h":
			if !wanted {
				err = x.Skip()
				break
			}
			if paragraphs++; paragraphs > 1 {
				r.text = append(r.text, '\n')
			}
			if err = r.appendParagraph(x); err == nil {
				err = r.checkLength() // an empty one has a line of its own as well
			}
		case name == "list" || name == "list-item" || name == "list-header" || name == "section":
			// Their paragraphs are inside.
		default:
			lost = lost || name == "table" || name == "sub-table"
			err = x.Skip()
		}
		if err != nil {
			return false, err
		}
	}
}

// maxSpaces is how many spaces one element may stand for: more than fit into a cell.
const maxSpaces = 1 << 15

// aside are the elements in a paragraph that are no part of its text: notes, how
// something is pronounced, drawings and what is written on them.
var aside = map[string]bool{
	"annotation": true, "note": true, "ruby-text": true, "p": true, "h": true, "list": true, "table": true,
	"frame": true, "custom-shape": true, "g": true, "rect": true, "line": true, "polyline": true, "polygon": true,
	"regular-polygon": true, "path": true, "circle": true, "ellipse": true, "connector": true, "caption": true,
	"measure": true, "control": true, "scene": true, "script": true, "event-listeners": true,
}

// appendParagraph appends the text of the paragraph that was just opened, and goes to its
// end.
func (r *cellReader) appendParagraph(x *xmlscan.Scanner) error {
	if x.Empty {
		return nil
	}
	x.Discard = false // the only texts that anybody asks for
	defer func() { x.Discard = true }()
	for end := x.Depth(); ; {
		t, err := x.Next()
		if err != nil {
			return err
		}
		switch t {
		case xmlscan.Text:
			r.text, err = xmlscan.AppendText(r.text, x.Text, x.CDATA)
		case xmlscan.Open:
			err = r.appendElement(x)
		case xmlscan.Close:
			if x.Depth() < end {
				return nil
			}
		default:
			return xmlscan.ErrMalformed
		}
		if err == nil {
			err = r.checkLength()
		}
		if err != nil {
			return err
		}
	}
}

// checkLength fails where the text of the cell, so far, is longer than any.
func (r *cellReader) checkLength() error {
	if len(r.text)-r.from > xmlscan.MaxToken {
		return xmlscan.ErrLongText
	}
	return nil
}

// appendElement appends what an element in a paragraph stands for. The text of most is
// inside.
func (r *cellReader) appendElement(x *xmlscan.Scanner) error {
	switch name := string(x.Name); {
	case name == "s":
		count, err := x.Attribute("c")
		if err != nil {
			return err
		}
		for range min(parseRepeated(count), maxSpaces) {
			r.text = append(r.text, ' ')
		}
	case name == "tab":
		r.text = append(r.text, '\t')
	case name == "line-break":
		r.text = append(r.text, '\n')
	case aside[name]:
		return x.Skip()
	}
	return nil
}
