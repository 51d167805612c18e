package privacy

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
	"rollcall.example/schema"
)

// subject is the person that is looked for.
type subject struct {
	id     string
	finder finder
	// names are what members and the person's own rows call the person.
	names []string
}

// nameFields are the columns of a roll that hold a person's names.
var nameFields = []string{schema.FieldFirstname, schema.FieldSurname, schema.FieldFullName}

// leastName is how many letters a name must have. Initials stand in other people's
// texts too.
const leastName = 3

func (p *subject) addName(name string) {
	name = strings.TrimSpace(name)
	same := func(other string) bool { return strings.EqualFold(name, other) }
	if utf8.RuneCountInString(name) >= leastName && p.finder.Find(name) < spelling.Masked &&
		!slices.ContainsFunc(p.names, same) {
		p.names = append(p.names, name)
		// Longer ones first, because they may contain the others.
		slices.SortFunc(p.names, func(a, b string) int { return len(b) - len(a) })
	}
}

// addNames takes the names from a row of the person.
func (p *subject) addNames(fields map[string]int, cells []string) {
	for _, field := range nameFields {
		if i, ok := fields[field]; ok && i < len(cells) {
			p.addName(cells[i])
		}
	}
}

// addGuessed takes the parts of a full name that no cell of their own gave.
func (p *subject) addGuessed(r *records.Row) {
	for _, field := range r.Guessed {
		if slices.Contains(nameFields, field) {
			p.addName(r.Fields[field])
		}
	}
}

// addEnds takes the first and the last word of a full name that was not split. Short
// ones are particles and forms of address, which stand in other people's texts too.
func (p *subject) addEnds(fields map[string]int, cells []string) {
	i, ok := fields[schema.FieldFullName]
	if !ok || i >= len(cells) {
		return
	}
	words := strings.FieldsFunc(cells[i], func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
	for i, word := range words {
		if (i == 0 || i == len(words)-1) && utf8.RuneCountInString(word) > leastName {
			p.addName(word)
		}
	}
}

// isNamed reports whether one of the texts has one of the names.
func (p *subject) isNamed(texts iter.Seq2[int, string]) bool {
	for _, text := range texts {
		for _, name := range p.names {
			if spelling.HasWord(text, name) {
				return true
			}
		}
	}
	return false
}

// newSubject returns the person with the names that the table members has.
func (s *searcher) newSubject(ctx context.Context, id string) (*subject, error) {
	p := &subject{id: id, finder: spelling.New(id)}
	var names []string
	if err := s.cfg.DB.SelectContext(ctx, &names, `SELECT unnest(array_remove(ARRAY[firstname, surname, full_name], NULL))
FROM members WHERE id_number = $1`, id); err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	for _, name := range names {
		p.addName(name)
	}
	return p, nil
}

// places collects where a person is named.
type places struct {
	list []cases.Place
	more int
}

func (l *places) add(at ...cases.Place) {
	for _, p := range at {
		if len(l.list) < cases.MaxPlaces {
			l.list = append(l.list, p)
		} else {
			l.more++
		}
	}
}

// textsOf calls visit with each text of a record and the column that it stands in, 0
// for none. visit may change the text.
func textsOf(record any, visit func(column int, text *string)) {
	each := func(texts []string, column int) {
		for i := range texts {
			at := 0
			if column > 0 {
				at = column + i
			}
			visit(at, &texts[i])
		}
	}
	values := func(m map[string]string) {
		for key, was := range m {
			now := was
			if visit(0, &now); now != was {
				m[key] = now
			}
		}
	}
	far := func(cells []records.FarCell) {
		for i := range cells {
			visit(cells[i].Column+1, &cells[i].Text)
		}
	}
	switch r := record.(type) {
	case *records.Row:
		each(r.Cells, 1)
		far(r.Far)
		values(r.Fields)
		for i := range r.Warnings {
			visit(0, &r.Warnings[i].Message)
		}
	case *records.RejectedRow:
		each(r.Cells, 1)
		far(r.Far)
		visit(0, &r.Cell)
		visit(0, &r.Message)
	case *records.Verdict:
		for _, text := range []*string{&r.Reason, &r.VoterStatus, &r.Ward, &r.VD, &r.Station, &r.MunicipalityCode,
			&r.Municipality, &r.Province} {
			visit(0, text)
		}
	case *records.Outcome:
		visit(0, &r.Error)
		visit(0, &r.VD)
		values(r.Before)
		values(r.After)
	}
}

// walkJSON calls visit with each text of a decoded document and the names that lead to
// it, and puts what visit returns in its place.
func walkJSON(doc any, path string, visit func(path, text string) string) any {
	switch v := doc.(type) {
	case string:
		return visit(path, v)
	case json.Number:
		text := v.String()
		if now := visit(path, text); now != text {
			return now
		}
	case []any:
		for i := range v {
			v[i] = walkJSON(v[i], path, visit)
		}
	case map[string]any:
		for key, value := range v {
			v[key] = walkJSON(value, strings.TrimPrefix(path+"."+key, "."), visit)
		}
	}
	return doc
}

// isUploader reports whether a user is the person, whose token has the ID number.
func (p *subject) isUploader(user string) bool { return user == events.UserID(p.id) || user == p.id }
