package records

import (
	"unicode/utf16"
	"unicode/utf8"
)

// number consumes a number and returns its text.
func (s *scanner) number() string {
	c := s.next()
	from := s.at
	if c == '-' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else {
		s.digits()
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		s.digits()
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		if s.at++; s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		s.digits()
	}
	return s.text[from:s.at]
}

// digits consumes one digit or more.
func (s *scanner) digits() {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	if s.at == from {
		s.fail(errSyntax)
	}
}

// quoted consumes a string and returns its value.
func (s *scanner) quoted() string {
	if s.next() != '"' {
		s.fail(errSyntax)
		return ""
	}
	s.at++
	from := s.at
	ascii := true
	for i := from; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			text := s.text[from:i]
			if !ascii && !utf8.ValidString(text) {
				return s.unescaped()
			}
			s.at = i + 1
			return text
		case c == '\\':
			return s.unescaped()
		case c < ' ':
			s.at = i
			s.fail(errSyntax)
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.fail(errSyntax)
	return ""
}

// escapes are the escapes of one letter.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescaped returns the value of a string with escapes or invalid UTF-8. The
// opening quote is already consumed.
func (s *scanner) unescaped() string {
	var text []byte
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.at++
			return string(text)
		case c == '\\' && s.at+1 < len(s.text) && escapes[s.text[s.at+1]] != 0:
			text = append(text, escapes[s.text[s.at+1]])
			s.at += 2
		case c == '\\':
			r, ok := s.unit()
			if !ok {
				s.fail(errSyntax)
				return ""
			}
			if utf16.IsSurrogate(r) {
				before := s.at
				low, _ := s.unit()
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					s.at = before // half a surrogate pair; the next escape is read by itself
				}
			}
			text = utf8.AppendRune(text, r)
		case c < ' ':
			s.fail(errSyntax)
			return ""
		default:
			r, size := utf8.DecodeRuneInString(s.text[s.at:])
			text = utf8.AppendRune(text, r)
			s.at += size
		}
	}
	s.fail(errSyntax)
	return ""
}

// unit consumes an escape like \u00e9 and reports whether there was one.
func (s *scanner) unit() (rune, bool) {
	rest := s.text[s.at:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return 0, false
	}
	var r rune
	for i := 2; i < 6; i++ {
		d, ok := hexDigit(rest[i])
		if !ok {
			return 0, false
		}
		r = r<<4 | d
	}
	s.at += 6
	return r, true
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}
