package xmlscan

import "bytes"

// Skip reads to the end of the element that was just opened.
func (x *Scanner) Skip() error {
	if x.Empty {
		return nil
	}
	defer func(before bool) { x.Discard = before }(x.Discard)
	x.Discard = true
	for depth := len(x.openNames); len(x.openNames) >= depth; {
		if t, err := x.Next(); err != nil {
			return err
		} else if t == End {
			return ErrMalformed
		}
	}
	return nil
}

// AppendContent appends the text of the element that was just opened, without that
// of elements inside it, and reads to the element's end.
func (x *Scanner) AppendContent(to []byte) ([]byte, error) {
	if x.Empty {
		return to, nil
	}
	for depth := len(x.openNames); ; {
		t, err := x.Next()
		if err != nil {
			return to, err
		}
		switch t {
		case Text:
			if to, err = AppendText(to, x.Text, x.CDATA); err != nil {
				return to, err
			}
			if len(to) > MaxToken {
				return to, ErrLongText
			}
		case Open:
			if err := x.Skip(); err != nil {
				return to, err
			}
		case Close:
			if len(x.openNames) < depth {
				return to, nil
			}
		default:
			return to, ErrMalformed
		}
	}
}

// Attribute returns the value of an attribute of the element that was just opened,
// whatever its prefix; nil where there is none. It fails where the attributes are
// malformed.
func (x *Scanner) Attribute(name string) (value []byte, err error) {
	err = x.VisitAttributes(func(n, v []byte) {
		if string(n) == name && value == nil {
			value = v
		}
	})
	if value == nil || err != nil || bytes.IndexByte(value, '&') < 0 {
		return value, err
	}
	return AppendText(make([]byte, 0, len(value)), value, false)
}

// VisitAttributes visits the attributes with their raw values.
func (x *Scanner) VisitAttributes(visit func(name, value []byte)) error {
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
				return ErrMalformed
			}
			end++
		}
		name := rest[:end]
		for rest = rest[end:]; len(rest) > 0 && isSpace(rest[0]); {
			rest = rest[1:]
		}
		if len(name) == 0 || len(rest) == 0 || rest[0] != '=' {
			return ErrMalformed
		}
		for rest = rest[1:]; len(rest) > 0 && isSpace(rest[0]); {
			rest = rest[1:]
		}
		if len(rest) < 2 || rest[0] != '"' && rest[0] != '\'' {
			return ErrMalformed
		}
		close := bytes.IndexByte(rest[1:], rest[0])
		if close < 0 {
			return ErrMalformed
		}
		visit(localName(name), rest[1:1+close])
		rest = rest[close+2:]
	}
}
