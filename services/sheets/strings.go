package sheets

import (
	"strings"
	"unicode/utf8"
)

// generation is how many texts the table remembers at least.
const generation = 1 << 15

// stringTable is the workbook's table of texts. It is written as it grows, and
// only texts that came up lately are remembered: words that stand in every row
// are found again, names and numbers need not be.
type stringTable struct {
	part       *part
	young, old map[string]uint32
	count      uint32
	// used counts the cells that name a text.
	used uint64
}

func newStringTable(s *spool) *stringTable {
	return &stringTable{part: s.part(), young: make(map[string]uint32, generation)}
}

// number is the place of text in the table.
func (t *stringTable) number(text string) (uint32, error) {
	if n, ok := t.young[text]; ok {
		return n, nil
	}
	n, ok := t.old[text]
	if !ok {
		n = t.count
		t.count++
		if err := t.part.wrote(appendText(t.part.buf, text)); err != nil {
			return 0, err
		}
	}
	if len(t.young) == generation {
		t.young, t.old = t.old, t.young
		clear(t.young)
		if t.young == nil {
			t.young = make(map[string]uint32, generation)
		}
	}
	// A text may be cut from a longer one, which must not live on with it.
	t.young[strings.Clone(text)] = n
	return n, nil
}

// appendText appends a text as an item of the table.
func appendText(buf []byte, text string) []byte {
	if keepsSpace(text) {
		buf = append(buf, `<si><t xml:space="preserve">`...)
	} else {
		buf = append(buf, `<si><t>`...)
	}
	buf = appendEscaped(buf, text)
	return append(buf, `</t></si>`...)
}

// keepsSpace says whether white space is lost without a word to keep it.
func keepsSpace(text string) bool {
	space := func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
	return text != "" && (space(text[0]) || space(text[len(text)-1])) || strings.ContainsAny(text, "\t\n\r") || strings.Contains(text, "  ")
}

// appendEscaped appends text as the content of an element. What XML cannot hold
// is written as spreadsheet programs do, _xHHHH_, and a text that looks so
// without meaning it is told apart by an escaped underscore.
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

// looksEscaped says whether text begins with _xHHHH_.
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
