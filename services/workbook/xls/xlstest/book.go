// Package xlstest builds old Excel workbooks for tests.
package xlstest

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf16"
)

// Record is a record: its type, and its content of numbers, texts and bytes as they are.
func Record(kind uint16, content ...any) []byte {
	var body []byte
	for _, part := range content {
		switch v := part.(type) {
		case byte:
			body = append(body, v)
		case uint16:
			body = binary.LittleEndian.AppendUint16(body, v)
		case int:
			body = binary.LittleEndian.AppendUint16(body, uint16(v)) // as most fields are
		case uint32:
			body = binary.LittleEndian.AppendUint32(body, v)
		case float64:
			body = binary.LittleEndian.AppendUint64(body, math.Float64bits(v))
		case string:
			body = append(body, v...)
		case []byte:
			body = append(body, v...)
		default:
			panic(fmt.Sprintf("a record cannot have %T", part))
		}
	}
	if len(body) > math.MaxUint16 {
		panic("a record is too long")
	}
	head := binary.LittleEndian.AppendUint16(nil, kind)
	return append(binary.LittleEndian.AppendUint16(head, uint16(len(body))), body...)
}

// Text is a string of Excel 97 without its length: the flags and the characters, in two
// bytes where one does not do.
func Text(s string) []byte {
	units := utf16.Encode([]rune(s))
	narrow := []byte{0}
	wide := []byte{1}
	for _, u := range units {
		if u > 0xFF {
			narrow = nil
		}
		if narrow != nil {
			narrow = append(narrow, byte(u))
		}
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	if narrow != nil {
		return narrow
	}
	return wide
}

// String is a string of Excel 97 with its length in front of it, in two bytes.
func String(s string) []byte {
	length := binary.LittleEndian.AppendUint16(nil, uint16(len(utf16.Encode([]rune(s)))))
	return append(length, Text(s)...)
}

// Sheet is a sheet of a Book.
type Sheet struct {
	Name    string
	State   byte   // 1 is hidden, 2 very hidden
	Records []byte // without the first and the last one
}

// Book is a workbook of Excel 97.
type Book struct {
	Globals []byte // records of one's own, such as a code page
	Formats []string
	Styles  []int // formats of the styles of cells
	Strings []byte
	Sheets  []Sheet
}

// FirstFormat is the number of the first of Book.Formats.
const FirstFormat = 164

// Stream returns the records of the workbook.
func (b Book) Stream() []byte {
	globals := append(Record(0x0809, 0x0600, 0x0005, 0, 0, uint32(0), uint32(0)), b.Globals...)
	for i, code := range b.Formats {
		globals = append(globals, Record(0x041E, FirstFormat+i, String(code))...)
	}
	for _, format := range b.Styles {
		globals = append(globals, Record(0x00E0, 0, format, make([]byte, 16))...)
	}
	end := Record(0x000A)
	at := len(globals) + len(b.Strings) + len(end)
	for _, s := range b.Sheets {
		at += len(Record(0x0085, uint32(0), s.State, byte(0), byte(len(Text(s.Name))), Text(s.Name)))
	}
	var sheets []byte
	for _, s := range b.Sheets {
		length := len(utf16.Encode([]rune(s.Name)))
		globals = append(globals,
			Record(0x0085, uint32(at+len(sheets)), s.State, byte(0), byte(length), Text(s.Name))...)
		sheets = append(sheets, Record(0x0809, 0x0600, 0x0010, 0, 0, uint32(0), uint32(0))...)
		sheets = append(sheets, s.Records...)
		sheets = append(sheets, end...)
	}
	globals = append(globals, b.Strings...)
	return append(append(globals, end...), sheets...)
}

// Bytes returns the workbook as a file.
func (b Book) Bytes() []byte { return Container(Stream{"Workbook", b.Stream()}) }

// Roll is a workbook of one sheet with these rows of texts.
func Roll(rows ...[]string) []byte {
	var texts []string
	var records []byte
	for i, row := range rows {
		for j, text := range row {
			if text == "" {
				continue
			}
			records = append(records, Record(0x00FD, i, j, 0, uint32(len(texts)))...)
			texts = append(texts, text)
		}
	}
	return Book{Styles: []int{0}, Strings: Shared(8224, texts...),
		Sheets: []Sheet{{Name: "Roll", Records: records}}}.Bytes()
}

// Shared are the records of shared strings, split where one has so many bytes.
func Shared(most int, texts ...string) []byte {
	var all []byte
	kind := uint16(0x00FC)
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(texts)))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(texts)))
	flush := func() {
		all = append(all, Record(kind, body)...)
		kind, body = 0x003C, nil
	}
	for _, s := range texts {
		text := Text(s)
		head, flag, chars := String(s)[:3], text[0], text[1:]
		width := int(flag&1) + 1
		if len(body)+len(head) > most {
			flush()
		}
		body = append(body, head...)
		for len(chars) > 0 {
			n := min(len(chars), (most-len(body))/width*width)
			if n <= 0 {
				flush()
				body = []byte{flag}
				continue
			}
			body, chars = append(body, chars[:n]...), chars[n:]
		}
	}
	flush()
	return all
}
