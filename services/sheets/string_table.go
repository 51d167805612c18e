package sheets

import (
	"strings"
	"unicode/utf8"
)

// The table remembers at least so many texts, as long as they have no more bytes
// than that.
const (
	generationSize  = 1 << 15
	generationBytes = 4 << 20
)

// stringTable is the workbook's table of texts. It is written as it grows and
// remembers only recent texts: words that occur in every row are found again, names
// and numbers need not be.
type stringTable struct {
	part          *part
	recent, older map[string]uint32
	bytes         int // of recent
	count         uint32
	// used counts the cells that name a text.
	used uint64
}

func newStringTable(s *spool) *stringTable {
	return &stringTable{part: s.newPart(), recent: make(map[string]uint32, generationSize)}
}

// index returns the index of text in the table, which it may add.
func (t *stringTable) index(text string) (uint32, error) {
	if n, ok := t.recent[text]; ok {
		return n, nil
	}
	n, ok := t.older[text]
	if !ok {
		n = t.count
		t.count++
		if err := t.part.setBuffer(appendText(t.part.buf, text)); err != nil {
			return 0, err
		}
	}
	if len(t.recent) == generationSize || t.bytes >= generationBytes {
		t.recent, t.older = t.older, t.recent
		clear(t.recent)
		if t.recent == nil {
			t.recent = make(map[string]uint32, generationSize)
		}
		t.bytes = 0
	}
	// A text may be part of a longer one, which must not stay in memory with it.
	t.recent[strings.Clone(text)] = n
	t.bytes += len(text)
	return n, nil
}

// appendText appends a text as an item of the table.
func appendText(buf []byte, text string) []byte {
	if needsSpacePreserved(text) {
		buf = append(buf, `<si><t xml:space="preserve">`...)
	} else {
		buf = append(buf, `<si><t>`...)
	}
	buf = appendEscaped(buf, text)
	return append(buf, `</t></si>`...)
}

// needsSpacePreserved reports whether a reader would lose white space of text
// without xml:space.
func needsSpacePreserved(text string) bool {
	space := func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
	return text != "" && (space(text[0]) || space(text[len(text)-1])) || strings.ContainsAny(text, "\t\n\r") ||
		strings.Contains(text, "  ")
}

// appendEscaped appends text as the content of an element. A character that XML
// cannot hold is written as _xHHHH_, as spreadsheet programs do. Text that merely
// looks like that gets its underscore escaped.
func appendEscaped(buf []byte, text string) []byte {
	done := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '_' {
			i++
			continue
		}
		escaped, size := "", 1
		switch {
		case c == '&':
			escaped = "&amp;"
		case c == '<':
			escaped = "&lt;"
		case c == '>':
			escaped = "&gt;"
		case c == '\t':
			escaped = "&#x9;"
		case c == '\n':
			escaped = "&#xA;"
		case c == '\r':
			escaped = "&#xD;"
		case c == '_':
			if looksEscaped(text[i:]) {
				escaped = "_x005F_"
			}
		case c < 0x20:
			escaped = "_x00" + string("0123456789ABCDEF"[c>>4]) + string("0123456789ABCDEF"[c&15]) + "_"
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				escaped = "\uFFFD"
			}
		}
		if escaped != "" {
			buf = append(append(buf, text[done:i]...), escaped...)
			done = i + size
		}
		i += size
	}
	return append(buf, text[done:]...)
}

// looksEscaped reports whether text begins with _xHHHH_.
func looksEscaped(text string) bool {
	if len(text) < 7 || text[1] != 'x' || text[6] != '_' {
		return false
	}
	for _, c := range []byte(text[2:6]) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
