package validation

import (
	"slices"
	"strings"
	"unicode"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// particles are words that a surname begins with and none consists of, folded.
var particles = newWords("van von vd der den de du le la ten ter da dos di del della st")

// openers are particles that no first name begins with.
var openers = newWords("van von vd du")

// prefixes are words that stand before van in a surname, as in Janse van Rensburg.
var prefixes = newWords("janse jansen")

// styles are forms of address, which are no part of a name.
var styles = newWords("mr mrs ms miss mx mnr mev mej me dr prof adv rev ds past pastor eerw cllr rdl raadslid " +
	"comrade cde mme ntate")

// suffixes are words behind a surname.
var suffixes = newWords("jr jnr junior sr snr senior ii iii iv")

func newWords(text string) map[string]bool {
	words := make(map[string]bool)
	for word := range strings.FieldsSeq(text) {
		words[word] = true
	}
	return words
}

// nameParts are the parts of a full name; "" for none.
type nameParts struct{ first, surname string }

// splitName splits a full name. The surname is the last word, with the particles before
// it. It comes first where a comma, surnameFirst, an opener or initials behind it say so.
func splitName(text string, surnameFirst bool) nameParts {
	before, after, comma := strings.Cut(text, ",")
	words, rest := nameWords(before), nameWords(after)
	switch {
	case comma && len(words) > 0 && len(rest) > 0:
		return nameParts{first: joinWords(rest), surname: joinWords(words)}
	case len(words) == 0:
		words = rest
	}
	if len(words) < 2 {
		return nameParts{first: joinWords(words)}
	}
	trails := isInitials(words[len(words)-1]) && !isInitials(words[0])
	if surnameFirst || trails || openers[workbook.Fold(words[0])] {
		n := surnameLength(words)
		return nameParts{first: joinWords(words[n:]), surname: joinWords(words[:n])}
	}
	at := surnameStart(words)
	return nameParts{first: joinWords(words[:at]), surname: joinWords(words[at:])}
}

// nameWords returns the words of a name without forms of address before it and what
// stands in brackets behind it.
func nameWords(text string) []string {
	if at := strings.IndexByte(text, '('); at > 0 && strings.HasSuffix(strings.TrimSpace(text), ")") {
		text = text[:at]
	}
	words := strings.Fields(text)
	for len(words) > 0 && styles[workbook.Fold(words[0])] {
		words = words[1:]
	}
	words = slices.DeleteFunc(words, func(w string) bool {
		return !strings.ContainsFunc(w, unicode.IsLetter) && w != "-"
	})
	for len(words) > 0 && words[0] == "-" {
		words = words[1:]
	}
	for len(words) > 0 && words[len(words)-1] == "-" {
		words = words[:len(words)-1]
	}
	return words
}

func joinWords(words []string) string { return strings.Join(words, " ") }

// surnameStart returns the index of the first word of a surname that stands last. The
// first word of all is a first name.
func surnameStart(words []string) int {
	at := len(words) - 1
	if suffixes[workbook.Fold(words[at])] && at > 1 {
		at--
	}
	for at > 2 && words[at-1] == "-" {
		at -= 2
	}
	for at > 1 && particles[workbook.Fold(words[at-1])] {
		at--
	}
	if at > 1 && prefixes[workbook.Fold(words[at-1])] && workbook.Fold(words[at]) == "van" {
		at--
	}
	return at
}

// surnameLength returns how many words a surname has that stands first.
func surnameLength(words []string) int {
	n := 0
	if prefixes[workbook.Fold(words[0])] && workbook.Fold(words[1]) == "van" {
		n++
	}
	for n < len(words)-1 && particles[workbook.Fold(words[n])] {
		n++
	}
	n++
	for n+1 < len(words) && words[n] == "-" {
		n += 2
	}
	return n
}

// isInitials reports whether a word is the initials of first names: a letter, or
// letters with dots.
func isInitials(word string) bool {
	letters := 0
	for _, r := range word {
		switch {
		case unicode.IsUpper(r):
			letters++
		case r != '.':
			return false
		}
	}
	return letters == 1 || letters > 1 && strings.Contains(word, ".")
}

// cutName returns the words of a full name without those of one part of it, which
// stands at one of its ends.
func cutName(words, part []string) ([]string, bool) {
	n := len(part)
	if n == 0 || n >= len(words) {
		return words, false
	}
	same := func(a, b string) bool { return workbook.Fold(a) == workbook.Fold(b) }
	switch {
	case slices.EqualFunc(words[:n], part, same):
		return words[n:], true
	case slices.EqualFunc(words[len(words)-n:], part, same):
		return words[:len(words)-n], true
	}
	return words, false
}

// namesColumn says what the roll's columns of names are.
type namesColumn struct {
	// surnameFirst says that the header of the full names names the surname first.
	surnameFirst bool
	// whole says that the column of first names may hold full names: its header means
	// both, no other column has the surname or the full name, and nobody has said that it
	// holds first names.
	whole bool
}

func newNamesColumn(h workbook.Header, columns []schema.Column) namesColumn {
	var n namesColumn
	full, hasFull := headerOf(h, schema.FieldFullName)
	first, hasFirst := headerOf(h, schema.FieldFirstname)
	_, hasSurname := h.Fields[schema.FieldSurname]
	said := h.Mapped[h.Fields[schema.FieldFirstname]]
	for _, column := range columns {
		switch column.Field {
		case schema.FieldSurname:
			n.surnameFirst = hasFull && slices.ContainsFunc(column.Names(), func(name string) bool {
				name = workbook.Fold(name)
				return name != full && strings.HasPrefix(full, name)
			})
		case schema.FieldFirstname:
			n.whole = hasFirst && !said && !hasFull && !hasSurname && means(column, first, schema.FieldFullName)
		}
	}
	return n
}

// headerOf returns the header of a field's column, folded.
func headerOf(h workbook.Header, field string) (text string, ok bool) {
	i, ok := h.Fields[field]
	if ok && i < len(h.Columns) {
		text = workbook.Fold(h.Columns[i])
	}
	return text, ok
}

// means reports whether a header, folded, is a name of the column that may mean another
// field as well.
func means(column schema.Column, header, other string) bool {
	for _, a := range column.Aliases {
		if a.Or == other && slices.ContainsFunc(a.Words, func(w string) bool { return workbook.Fold(w) == header }) {
			return true
		}
	}
	return false
}

// fillInNames takes the parts of a full name that no cell of the row gives.
func (r *rowReader) fillInNames() {
	first, surname := r.fields[schema.FieldFirstname], r.fields[schema.FieldSurname]
	full := r.fields[schema.FieldFullName]
	if r.judge.names.whole && len(nameWords(first)) > 1 {
		full, first = first, ""
		r.fields[schema.FieldFullName] = full
		delete(r.fields, schema.FieldFirstname)
	}
	if full == "" || first != "" && surname != "" {
		return
	}
	words := nameWords(strings.ReplaceAll(full, ",", " "))
	parts, cut := splitName(full, r.judge.names.surnameFirst), true
	switch {
	case surname != "":
		var rest []string
		if rest, cut = cutName(words, nameWords(surname)); cut || !strings.Contains(full, ",") {
			parts.first = joinWords(rest)
		}
		parts.surname = ""
	case first != "":
		if rest, ok := cutName(words, nameWords(first)); ok {
			parts.surname = joinWords(rest)
			if !particles[workbook.Fold(rest[0])] && len(rest) > 1 {
				parts.surname = splitName(joinWords(rest), false).surname
			}
		}
		parts.first = ""
	}
	r.guess(schema.FieldFirstname, parts.first)
	r.guess(schema.FieldSurname, parts.surname)
	switch {
	case surname == "" && parts.surname == "":
		r.warn(schema.FieldFullName, WarnSurname, "The full name %s has no surname that can be told.", quoteCell(full))
	case cut:
		told := ""
		if parts.first != "" {
			told = " the first name " + quoteCell(parts.first)
		}
		if parts.surname != "" {
			if told != "" {
				told += " and"
			}
			told += " the surname " + quoteCell(parts.surname)
		}
		if told != "" {
			r.warn(schema.FieldFullName, WarnNameSplit, "The full name %s was split:%s. Please check it.", quoteCell(full), told)
		}
	}
}

// guess sets a field that no cell of its own gives.
func (r *rowReader) guess(field, value string) {
	if value != "" {
		r.fields[field] = value
		r.guessed = append(r.guessed, field)
	}
}
