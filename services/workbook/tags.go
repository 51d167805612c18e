package workbook

import (
	"bytes"
	"iter"
	"strings"
)

// splitTags cuts after every '>': a piece is a tag with the text before it. A
// '>' within an attribute makes two pieces, of which both are looked at.
func splitTags(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '>'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// tagName returns the name of a tag without its prefix, of a closing tag "/f".
func tagName(tag []byte) string {
	if i := bytes.IndexAny(tag, " \t\r\n="); i >= 0 {
		tag = tag[:i]
	}
	name := strings.TrimSuffix(string(tag), "/")
	i := strings.LastIndexByte(name, ':')
	if i >= 0 && name[0] == '/' {
		return "/" + name[i+1:]
	}
	return name[i+1:]
}

// values yields what is assigned to an attribute of any prefix in a piece of a
// tag. A value that is not closed within the piece is the piece's rest.
func values(tag []byte, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for from := 0; ; {
			i := bytes.Index(tag[from:], []byte(name))
			if i < 0 {
				return
			}
			start := from + i
			from = start + len(name)
			if start > 0 && inName(tag[start-1]) {
				continue
			}
			rest := bytes.TrimLeft(tag[from:], " \t\r\n")
			if len(rest) == 0 || rest[0] != '=' {
				continue
			}
			rest = bytes.TrimLeft(rest[1:], " \t\r\n")
			if len(rest) == 0 || (rest[0] != '"' && rest[0] != '\'') {
				continue
			}
			value, _, _ := bytes.Cut(rest[1:], rest[:1])
			if !yield(string(value)) {
				return
			}
		}
	}
}

func inName(b byte) bool {
	return b == '-' || b == '_' || b == '.' || b >= 0x80 ||
		b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// position returns the column and row, from 1, that a reference such as AB12
// means; the column of a row's number is 0. What no sheet has is refused.
func position(ref string) (column, row int, ok bool) {
	for i := range len(ref) {
		switch b := ref[i]; {
		case b >= 'A' && b <= 'Z' && row == 0:
			column = column*26 + int(b-'A') + 1
		case b >= '0' && b <= '9':
			row = row*10 + int(b-'0')
		default:
			return 0, 0, false
		}
		if column > maxColumns || row > maxRows {
			return 0, 0, false
		}
	}
	return column, row, true
}
