package persistence

import (
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// A part that was guessed from a full name replaces no part that a roll has given.
func TestGuessedNamesYield(t *testing.T) {
	guess := func(full, first, surname string) person {
		p := newPerson(1, unverified, "full_name", full, "firstname", first, "surname", surname)
		p.row.Guessed = []string{"firstname", "surname"}
		return p
	}
	for name, test := range map[string]struct {
		before []person
		now    person
		want   map[string]string
	}{
		"of a new member": {nil, guess("Thandi Nkosi", "Thandi", "Nkosi"),
			map[string]string{"firstname": "Thandi", "surname": "Nkosi", "full_name": "Thandi Nkosi"}},
		"given before": {[]person{newPerson(1, unverified, "firstname", "Nomsa", "surname", "Dube")},
			guess("N. Thandi Nkosi", "N. Thandi", "Nkosi"),
			map[string]string{"firstname": "Nomsa", "surname": "Dube", "full_name": "N. Thandi Nkosi"}},
		"one part given before": {[]person{newPerson(1, unverified, "firstname", "Nomsa")},
			guess("Nomsa Dube", "Nomsa", "Dube"), map[string]string{"firstname": "Nomsa", "surname": "Dube"}},
		"given before, as a part of the full name": {
			[]person{newPerson(1, unverified, "full_name", "Nomsa Grace Dube", "firstname", "Nomsa", "surname", "Dube")},
			guess("Nomsa G. Dube", "Nomsa G.", "Dube"), map[string]string{"firstname": "Nomsa", "surname": "Dube"}},
		"guessed before from another name": {[]person{guess("Nomsa Dube", "Nomsa", "Dube")},
			guess("Nomsa Nkosi", "Nomsa", "Nkosi"),
			map[string]string{"firstname": "Nomsa", "surname": "Nkosi", "full_name": "Nomsa Nkosi"}},
		"the full name was the first name": {[]person{newPerson(1, unverified, "firstname", "Nomsa Dube")},
			guess("Nomsa Dube", "Nomsa", "Dube"), map[string]string{"firstname": "Nomsa", "surname": "Dube"}},
		"given after a guess": {[]person{guess("Nomsa van Dube", "Nomsa", "van Dube")},
			newPerson(1, unverified, "firstname", "Nomsa van", "surname", "Dube"),
			map[string]string{"firstname": "Nomsa van", "surname": "Dube", "full_name": "Nomsa van Dube"}},
		"blank after a guess": {[]person{guess("Nomsa Dube", "Nomsa", "Dube")}, newPerson(1, unverified),
			map[string]string{"firstname": "Nomsa", "surname": "Dube", "full_name": "Nomsa Dube"}},
		"a given surname beside a guessed first name": {
			[]person{newPerson(1, unverified, "firstname", "Nomsa", "surname", "Dube")},
			func() person {
				p := newPerson(1, unverified, "full_name", "Nomsa Grace", "firstname", "Nomsa Grace", "surname", "Nkosi")
				p.row.Guessed = []string{"firstname"}
				return p
			}(), map[string]string{"firstname": "Nomsa", "surname": "Nkosi"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			for _, p := range test.before {
				w.upload(p)
			}
			was := w.countRows("members")
			job := newJob(1, events.Options{})
			got, _, err := w.writeJob(t.Context(), job, test.now)
			if err != nil || len(got) != 1 || got[0].Result == records.Refused {
				t.Fatalf("%+v, %v", got, err)
			}
			w.expectMember(1, test.want)
			if err := w.Undo(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if was == 0 {
				if n := w.countRows("members"); n != 0 {
					t.Errorf("%d members after the undo", n)
				}
				return
			}
			for _, p := range test.before {
				for field, value := range p.row.Fields {
					w.expectMember(1, map[string]string{field: value})
				}
			}
		})
	}
}
