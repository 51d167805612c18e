package workbook

import "bytes"

// skipElement reads to the end of the element that was just opened.
func (x *xmlScanner) skipElement() error {
	if x.empty {
		return nil
	}
	for depth := len(x.openNames); len(x.openNames) >= depth; {
		if t, err := x.next(); err != nil {
			return err
		} else if t == tokenEnd {
			return errXML
		}
	}
	return nil
}

// appendContent appends the text of the element that was just opened, without that
// of elements inside it, and reads to the element's end.
func (x *xmlScanner) appendContent(to []byte) ([]byte, error) {
	if x.empty {
		return to, nil
	}
	for depth := len(x.openNames); ; {
		t, err := x.next()
		if err != nil {
			return to, err
		}
		switch t {
		case tokenText:
			if to, err = appendText(to, x.text, x.cdata); err != nil {
				return to, err
			}
			if len(to) > maxToken {
				return to, errLongText
			}
		case tokenOpen:
			if err := x.skipElement(); err != nil {
				return to, err
			}
		case tokenClose:
			if len(x.openNames) < depth {
				return to, nil
			}
		default:
			return to, errXML
		}
	}
}

// attribute returns the value of an attribute of the element that was just opened,
// whatever its prefix; nil where there is none. It fails where the attributes are
// malformed.
func (x *xmlScanner) attribute(name string) (value []byte, err error) {
	err = x.visitAttributes(func(n, v []byte) {
		if string(n) == name && value == nil {
			value = v
		}
	})
	if value == nil || err != nil || bytes.IndexByte(value, '&') < 0 {
		return value, err
	}
	return appendText(make([]byte, 0, len(value)), value, false)
}

// visitAttributes visits the attributes with their raw values.
func (x *xmlScanner) visitAttributes(visit func(name, value []byte)) error {
	rest := x.attrs
	for {
		for len(rest) > 0 && isSpace(rest[0]) {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil
		}
		end := 0
		for end < len(rest) && rest[end] != '=' && !isSpace(rest[end]) {
			if c := rest[end]; c == '<' || c == '>' || c == '"' || c == '\'' {
				return errXML
			}
			end++
		}
		name := rest[:end]
		for rest = rest[end:]; len(rest) > 0 && isSpace(rest[0]); {
			rest = rest[1:]
		}
		if len(name) == 0 || len(rest) == 0 || rest[0] != '=' {
			return errXML
		}
		for rest = rest[1:]; len(rest) > 0 && isSpace(rest[0]); {
			rest = rest[1:]
		}
		if len(rest) < 2 || rest[0] != '"' && rest[0] != '\'' {
			return errXML
		}
		close := bytes.IndexByte(rest[1:], rest[0])
		if close < 0 {
			return errXML
		}
		visit(localName(name), rest[1:1+close])
		rest = rest[close+2:]
	}
}

// appendRichText appends the text of a <si> or <is> that was just opened: its own
// and that of its runs, without phonetic runs.
func (x *xmlScanner) appendRichText(to []byte) ([]byte, error) {
	if x.empty {
		return to, nil
	}
	for depth := len(x.openNames); ; {
		t, err := x.next()
		if err != nil {
			return to, err
		}
		switch {
		case t == tokenClose && len(x.openNames) < depth:
			return to, nil
		case t == tokenOpen && string(x.name) == "t":
			if to, err = x.appendContent(to); err != nil {
				return to, err
			}
		case t == tokenOpen && string(x.name) == "r":
			// a run: its text is inside
		case t == tokenOpen:
			if err := x.skipElement(); err != nil {
				return to, err
			}
		case t == tokenEnd:
			return to, errXML
		}
	}
}
