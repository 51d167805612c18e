package persistence

import (
	"strconv"
	"strings"
)

// appendLine appends a row of incoming in the text format of COPY.
func appendLine(b []byte, p person) []byte {
	b = strconv.AppendInt(b, int64(p.row.N), 10)
	b = appendCopied(append(b, '\t'), p.row.ID)
	broken := ""
	for i := range columns {
		text := columns[i].value(p)
		if strings.IndexByte(text, 0) >= 0 {
			// The one character that PostgreSQL's text cannot hold.
			text, broken = "", columns[i].name
		}
		b = appendCopied(append(b, '\t'), text)
	}
	return append(appendCopied(append(b, '\t'), broken), '\n')
}

// appendCopied appends a value of COPY; an empty text is NULL.
func appendCopied(b []byte, text string) []byte {
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
