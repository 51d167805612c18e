package workbook

import (
	"bytes"
	"unicode/utf8"
)

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// localName returns a name without its prefix.
func localName(name []byte) []byte {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == ':' {
			return name[i+1:]
		}
	}
	return name
}

// hashName is FNV-1a.
func hashName(name []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// appendText appends a text with its references resolved and its line ends
// normalised. Characters that XML cannot hold are an error.
func appendText(to, text []byte, cdata bool) ([]byte, error) {
	for len(text) > 0 {
		i := 0
		for i < len(text) && text[i] >= 0x20 && text[i] < utf8.RuneSelf && (text[i] != '&' || cdata) {
			i++
		}
		to = append(to, text[:i]...)
		if text = text[i:]; len(text) == 0 {
			break
		}
		switch c := text[0]; {
		case c == '&':
			r, size := resolveReference(text)
			if size == 0 {
				return to, errXML
			}
			to = utf8.AppendRune(to, r)
			text = text[size:]
		case c == '\r':
			to = append(to, '\n')
			if text = text[1:]; len(text) > 0 && text[0] == '\n' {
				text = text[1:]
			}
		case c == '\t' || c == '\n':
			to = append(to, c)
			text = text[1:]
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text)
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				return to, errXML
			}
			to = append(to, text[:size]...)
			text = text[size:]
		default:
			return to, errXML
		}
	}
	return to, nil
}

// resolveReference resolves the reference at the beginning of text; size 0 means
// that there is none.
func resolveReference(text []byte) (r rune, size int) {
	end := bytes.IndexByte(text[:min(len(text), 12)], ';')
	if end < 2 {
		return 0, 0
	}
	name := text[1:end]
	switch string(name) {
	case "amp":
		return '&', end + 1
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "quot":
		return '"', end + 1
	case "apos":
		return '\'', end + 1
	}
	if name[0] != '#' {
		return 0, 0
	}
	digits, base := name[1:], rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if len(digits) == 0 {
		return 0, 0
	}
	for _, c := range digits {
		d := hexValue(c)
		if d < 0 || d >= base {
			return 0, 0
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, 0
		}
	}
	if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0xD800 && r < 0xE000 || r == 0xFFFE || r == 0xFFFF {
		return 0, 0
	}
	return r, end + 1
}

// hexValue returns the value of a hexadecimal digit, -1 for anything else.
func hexValue(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// unescape replaces each _xHHHH_ by the character that it stands for, in place.
// Spreadsheet programs write characters that way that XML cannot hold.
func unescape(text []byte) []byte {
	i := bytes.Index(text, []byte("_x"))
	if i < 0 {
		return text
	}
	to := text[:i]
	for i < len(text) {
		if r, ok := parseEscape(text[i:]); ok {
			to = append(to, string(r)...)
			i += 7
			continue
		}
		to = append(to, text[i])
		i++
	}
	return to
}

// parseEscape parses the _xHHHH_ at the beginning of text.
func parseEscape(text []byte) (r rune, ok bool) {
	if len(text) < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_' {
		return 0, false
	}
	for _, c := range text[2:6] {
		d := hexValue(c)
		if d < 0 {
			return 0, false
		}
		r = r*16 + d
	}
	// Half a surrogate pair stands for nothing by itself.
	return r, r < 0xD800 || r > 0xDFFF
}
