// Package mappings holds what a person says of the columns of a spreadsheet: which
// header stands above which field.
package mappings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// Limits of a mapping.
const (
	MaxBytes   = 16 << 10 // of its JSON
	maxEntries = 500
	maxHeader  = 300 // bytes of a header's text
	maxNames   = 20  // that a refusal repeats
)

// Reasons of a refusal with refusal.CodeBadMapping, in its details.
const (
	// ReasonMalformed: it is no JSON object from texts to texts or null.
	ReasonMalformed = "malformed"
	// ReasonTooLarge: it has more bytes or entries than a mapping may have.
	ReasonTooLarge = "too_large"
	// ReasonUnknownField: it names a field that no column has.
	ReasonUnknownField = "unknown_field"
	// ReasonNoHeader: a header that it names is not in the file.
	ReasonNoHeader = "no_such_header"
	// ReasonFieldTwice: two of its headers are for one field.
	ReasonFieldTwice = "field_twice"
	// ReasonHeaderTwice: several columns have a header that it names, or two of its
	// names mean one column.
	ReasonHeaderTwice = "header_twice"
	// ReasonIDNumber: it is to be kept, and has an ID number in it.
	ReasonIDNumber = "id_number"
)

// Mapping is what a person says of the headers of a spreadsheet, in their order. As JSON
// it is an object from headers to fields, or to null. Nil says nothing.
type Mapping []Entry

// Entry is what is said of one header.
type Entry struct {
	// Header is the header's text, or the letter of a column.
	Header string
	// Field is the field of the column; "" leaves the column out.
	Field string
}

// Parse reads a mapping. Blank text is none. What is wrong with it is a *refusal.Error
// that names it.
func Parse(text string) (Mapping, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > MaxBytes {
		return nil, tooLarge()
	}
	m, err := decode(text)
	if err != nil {
		return nil, err
	}
	columns, err := schema.Columns()
	if err != nil {
		return nil, err
	}
	return m, m.check(columns)
}

// decode reads the JSON object, of which encoding/json would forget the order and all
// but the last of equal names.
func decode(text string) (Mapping, error) {
	malformed := func(why string) error {
		return Refuse(ReasonMalformed, nil, "The mapping must be a JSON object from each header to a field, or to null to "+
			"leave the column out. "+why)
	}
	if !utf8.ValidString(text) {
		return nil, malformed("It is not UTF-8.")
	}
	in := json.NewDecoder(strings.NewReader(text))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed("It is none.")
	}
	var m Mapping
	seen := make(map[string]bool)
	for in.More() {
		t, err := in.Token()
		if err != nil {
			return nil, malformed("It cannot be read.")
		}
		header := strings.Join(strings.Fields(t.(string)), " ") // JSON has no other names
		switch {
		case header == "":
			return nil, malformed("A header has no name.")
		case len(header) > maxHeader:
			return nil, malformed(fmt.Sprintf("A header has more than %d letters.", maxHeader))
		case seen[header]:
			return nil, Refuse(ReasonHeaderTwice, []string{header}, "The mapping names a header twice: %s.")
		case len(m) == maxEntries:
			return nil, tooLarge()
		}
		seen[header] = true
		var field *string
		if err := in.Decode(&field); err != nil || field != nil && *field == "" {
			return nil, malformed("The field of a header must be a text that is not empty, or null.")
		}
		e := Entry{Header: header}
		if field != nil {
			e.Field = *field
		}
		m = append(m, e)
	}
	if _, err := in.Token(); err != nil {
		return nil, malformed("It cannot be read.")
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("Something follows it.")
	}
	return m, nil
}

// check refuses fields that there are not, and fields that two headers are for.
func (m Mapping) check(columns []schema.Column) error {
	var unknown, twice []string
	by := make(map[string]string) // the header of each field
	for _, e := range m {
		if e.Field == "" {
			continue
		}
		if !slices.ContainsFunc(columns, func(c schema.Column) bool { return c.Field == e.Field }) {
			unknown = append(unknown, e.Field)
		}
		if first, taken := by[e.Field]; taken {
			if !slices.Contains(twice, first) {
				twice = append(twice, first)
			}
			twice = append(twice, e.Header)
			continue
		}
		by[e.Field] = e.Header
	}
	if unknown != nil {
		return Refuse(ReasonUnknownField, unknown, "The mapping names fields that a roll does not have: %s.")
	}
	if twice != nil {
		return Refuse(ReasonFieldTwice, twice, "Only one column can be a field. These are for the same one: %s.")
	}
	return nil
}

func tooLarge() error {
	return Refuse(ReasonTooLarge, nil, fmt.Sprintf("A mapping may have %d entries and %d KB.", maxEntries, MaxBytes>>10))
}

// Refuse returns the refusal of a mapping. The message has a %s for the names where
// there are some. ID numbers in names are masked.
func Refuse(reason string, names []string, message string) error {
	shown := []string{}
	for _, name := range names[:min(len(names), maxNames)] {
		shown = append(shown, events.MaskHeader(name))
	}
	if len(names) > 0 {
		message = fmt.Sprintf(message, strings.Join(shown, ", "))
	}
	return &refusal.Error{Code: refusal.CodeBadMapping, Message: message,
		Details: map[string]any{"reason": reason, "names": shown}}
}

// MarshalJSON writes the object, in the order of the entries.
func (m Mapping) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, e := range m {
		if i > 0 {
			out = append(out, ',')
		}
		header, err := json.Marshal(e.Header)
		if err != nil {
			return nil, err
		}
		field := []byte("null")
		if e.Field != "" {
			if field, err = json.Marshal(e.Field); err != nil {
				return nil, err
			}
		}
		out = append(append(append(out, header...), ':'), field...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. It does not know which fields there are.
func (m *Mapping) UnmarshalJSON(data []byte) (err error) {
	*m, err = decode(string(bytes.TrimSpace(data)))
	return err
}
