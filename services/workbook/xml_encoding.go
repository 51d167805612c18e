package workbook

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// maxDeclaration is how long the declaration at the beginning of a part may be.
const maxDeclaration = 1 << 10

// checkStart skips a byte order mark, and decodes text that is not in UTF-8.
func (x *xmlScanner) checkStart() error {
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
		return errXML
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
func (x *xmlScanner) decode(from encoding.Encoding) {
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
