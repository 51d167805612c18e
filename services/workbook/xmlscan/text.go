package xmlscan

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
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

// AppendText appends a text with its references resolved and its line ends
// normalised. Characters that XML cannot hold are an error.
func AppendText(to, text []byte, cdata bool) ([]byte, error) {
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
				return to, ErrMalformed
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
				return to, ErrMalformed
			}
			to = append(to, text[:size]...)
			text = text[size:]
		default:
			return to, ErrMalformed
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

// maxDeclaration is how long the declaration at the beginning of a part may be.
const maxDeclaration = 1 << 10

// checkStart skips a byte order mark, and decodes text that is not in UTF-8.
func (x *Scanner) checkStart() error {
	x.started = true
	switch {
	case x.hasPrefix("\xEF\xBB\xBF"):
		x.pos += 3
		return nil // the mark is right, whatever is declared
	case x.hasPrefix("\xFF\xFE\x00\x00"), x.hasPrefix("\x00\x00"):
		return errEncoding // UTF-32
	case x.hasPrefix("\xFF\xFE"):
		x.pos += 2
		x.decode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM))
		return nil
	case x.hasPrefix("\xFE\xFF"):
		x.pos += 2
		x.decode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM))
		return nil
	case x.hasPrefix("<\x00"):
		x.decode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM))
		return nil
	case x.hasPrefix("\x00<"):
		x.decode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM))
		return nil
	case !x.hasPrefix("<") && x.eof && x.pos == x.end:
		return io.ErrUnexpectedEOF
	case !x.hasPrefix("<?xml"):
		return nil
	}
	end, err := x.index("?>", 0)
	if err != nil || end > maxDeclaration {
		return ErrMalformed
	}
	switch name := declaredEncoding(x.buf[x.pos : x.pos+end]); name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be", "unicode":
		// What declares UTF-16 and can be read so far is in UTF-8: a program wrote a text
		// that it had in memory.
	case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1", "windows-1252", "cp1252", "cp-1252":
		// As everywhere, the bytes that ISO-8859-1 leaves to control characters are those
		// of Windows.
		x.decode(charmap.Windows1252)
	default:
		return errEncoding
	}
	return nil
}

// decode lets the scanner read the rest of the part in UTF-8.
func (x *Scanner) decode(from encoding.Encoding) {
	rest := bytes.Clone(x.buf[x.pos:x.end])
	in := x.r
	x.r = from.NewDecoder().Reader(io.MultiReader(bytes.NewReader(rest), in))
	x.pos, x.end, x.eof = 0, 0, false
}

// declaredEncoding returns the encoding that a declaration names, in lower case; ""
// where it names none.
func declaredEncoding(declaration []byte) string {
	text := strings.ToLower(string(declaration))
	_, after, ok := strings.Cut(text, "encoding")
	after = strings.TrimLeft(after, " \t\r\n=")
	if !ok || len(after) < 2 || after[0] != '"' && after[0] != '\'' {
		return ""
	}
	name, _, _ := strings.Cut(after[1:], after[:1])
	return strings.TrimSpace(name)
}
