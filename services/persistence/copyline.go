package persistence

import (
	"strconv"
	"strings"
)

// appendCopyLine appends a row of the table incoming in the text format of COPY.
func appendCopyLine(b []byte, p person) []byte {
	b = strconv.AppendInt(b, int64(p.row.N), 10)
	b = appendCopyValue(append(b, '\t'), p.row.ID)
	broken := ""
	for i := range columns {
		text := columns[i].valueOf(p)
		if strings.IndexByte(text, 0) >= 0 {
			// PostgreSQL's text cannot hold a NUL.
			text, broken = "", columns[i].name
		}
		b = appendCopyValue(append(b, '\t'), text)
	}
	b = appendCopyValue(append(b, '\t'), strings.Join(p.row.Guessed, " "))
	cleared := ""
	if len(p.row.Clear) > 0 {
		cleared = "{" + strings.Join(p.row.Clear, ",") + "}" // names of fields need no quotation marks
	}
	b = appendCopyValue(append(b, '\t'), cleared)
	return append(appendCopyValue(append(b, '\t'), broken), '\n')
}

// appendCopyValue appends a value in the text format of COPY; "" becomes NULL.
func appendCopyValue(b []byte, text string) []byte {
	if text == "" {
		return append(b, `\N`...)
	}
	from := 0
	for i := range len(text) {
		var escape byte
		switch text[i] {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		b = append(append(b, text[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(b, text[from:]...)
}
