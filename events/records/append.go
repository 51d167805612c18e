package records

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// How the records are written: members in the order of their declaration, the
// names of maps sorted, as encoding/json does.

func (r *Row) append(b []byte) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"n":`...), int64(r.N), 10)
	b = appendText(append(b, `,"id":`...), r.ID)
	if len(r.Fields) > 0 {
		b = appendTextMap(append(b, `,"fields":`...), r.Fields)
	}
	b = appendTexts(append(b, `,"cells":`...), r.Cells)
	if len(r.Warnings) > 0 {
		b = append(b, `,"warnings":`...)
		for i := range r.Warnings {
			b = append(b, between(i, '['))
			w := &r.Warnings[i]
			b = appendText(append(b, `{"field":`...), w.Field)
			b = appendText(append(b, `,"code":`...), w.Code)
			b = appendText(append(b, `,"message":`...), w.Message)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, '}'), nil
}

func (r *RejectedRow) append(b []byte) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"n":`...), int64(r.N), 10)
	b = appendText(append(b, `,"code":`...), r.Code)
	b = appendText(append(b, `,"message":`...), r.Message)
	b = appendText(append(b, `,"cell":`...), r.Cell)
	b = appendTexts(append(b, `,"cells":`...), r.Cells)
	b = appendFilled(b, `,"id":`, r.ID)
	if r.FirstRow != 0 {
		b = strconv.AppendInt(append(b, `,"first_row":`...), int64(r.FirstRow), 10)
	}
	if len(r.Rows) > 0 {
		b = append(b, `,"rows":`...)
		for i, n := range r.Rows {
			b = strconv.AppendInt(append(b, between(i, '[')), int64(n), 10)
		}
		b = append(b, ']')
	}
	if r.Count != 0 {
		b = strconv.AppendInt(append(b, `,"count":`...), int64(r.Count), 10)
	}
	return append(b, '}'), nil
}

func (v *Verdict) append(b []byte) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"n":`...), int64(v.N), 10)
	b = appendText(append(b, `,"status":`...), string(v.Status))
	b = appendFilled(b, `,"reason":`, v.Reason)
	b = appendFilled(b, `,"voter_status":`, v.VoterStatus)
	b = appendFilled(b, `,"ward":`, v.Ward)
	b = appendFilled(b, `,"vd":`, v.VD)
	b = appendFilled(b, `,"station":`, v.Station)
	b = appendFilled(b, `,"municipality_code":`, v.MunicipalityCode)
	b = appendFilled(b, `,"municipality":`, v.Municipality)
	b = appendFilled(b, `,"province":`, v.Province)
	if !v.At.IsZero() {
		var err error
		if b, err = v.At.AppendText(append(b, `,"at":"`...)); err != nil {
			return b, fmt.Errorf("at: %w", err)
		}
		b = append(b, '"')
	}
	return append(b, '}'), nil
}

func (o *Outcome) append(b []byte) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"n":`...), int64(o.N), 10)
	b = appendText(append(b, `,"result":`...), o.Result)
	if len(o.Changed) > 0 {
		b = appendTexts(append(b, `,"changed":`...), o.Changed)
	}
	if len(o.Before) > 0 {
		b = appendTextMap(append(b, `,"before":`...), o.Before)
	}
	if len(o.After) > 0 {
		b = appendTextMap(append(b, `,"after":`...), o.After)
	}
	b = appendFilled(b, `,"vd":`, o.VD)
	b = appendFilled(b, `,"error":`, o.Error)
	return append(b, '}'), nil
}

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
