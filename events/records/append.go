package records

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// How values are written: as encoding/json does, the names of maps sorted. What
// a record is made of is in codec_gen.go.

// appendFilled appends a member unless its text is empty.
func appendFilled(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, name...), text)
}

// between is the byte in front of element i.
func between(i int, open byte) byte {
	if i == 0 {
		return open
	}
	return ','
}

func appendTexts(b []byte, texts []string) []byte {
	switch {
	case texts == nil:
		return append(b, "null"...)
	case len(texts) == 0:
		return append(b, "[]"...)
	}
	for i, text := range texts {
		b = appendText(append(b, between(i, '[')), text)
	}
	return append(b, ']')
}

// appendInts appends a list that is not empty.
func appendInts(b []byte, list []int) []byte {
	for i, n := range list {
		b = strconv.AppendInt(append(b, between(i, '[')), int64(n), 10)
	}
	return append(b, ']')
}

// appendTextMap appends a map that is not empty.
func appendTextMap(b []byte, m map[string]string) []byte {
	var room [32]string // enough for all columns
	names := room[:0]
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		b = appendText(append(b, between(i, '{')), name)
		b = appendText(append(b, ':'), m[name])
	}
	return append(b, '}')
}

// plain are the bytes that a string holds as they are.
var plain = func() (p [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()

func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				b = append(append(b, text[from:i]...), `\ufffd`...)
				from = i + size
			case r == '\u2028' || r == '\u2029': // line ends to JavaScript
				b = append(append(b, text[from:i]...), `\u202`...)
				b = append(b, hexDigits[r&0xf])
				from = i + size
			}
			i += size
			continue
		}
		b = append(b, text[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		from = i
	}
	return append(append(b, text[from:]...), '"')
}

const hexDigits = "0123456789abcdef"
