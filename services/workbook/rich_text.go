package workbook

import (
	"bytes"
	"strconv"

	"rollcall.example/services/workbook/xmlscan"
)

// appendRichText appends the text of a <si> or <is> that was just opened: its own
// and that of its runs, without phonetic runs.
func appendRichText(x *xmlscan.Scanner, to []byte) ([]byte, error) {
	if x.Empty {
		return to, nil
	}
	for depth := x.Depth(); ; {
		t, err := x.Next()
		if err != nil {
			return to, err
		}
		switch {
		case t == xmlscan.Close && x.Depth() < depth:
			return to, nil
		case t == xmlscan.Open && string(x.Name) == "t":
			if to, err = x.AppendContent(to); err != nil {
				return to, err
			}
		case t == xmlscan.Open && string(x.Name) == "r":
			// a run: its text is inside
		case t == xmlscan.Open:
			if err := x.Skip(); err != nil {
				return to, err
			}
		case t == xmlscan.End:
			return to, xmlscan.ErrMalformed
		}
	}
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
	value, err := strconv.ParseUint(string(text[2:6]), 16, 32)
	if err != nil {
		return 0, false
	}
	r = rune(value)
	// Half a surrogate pair stands for nothing by itself.
	return r, r < 0xD800 || r > 0xDFFF
}
