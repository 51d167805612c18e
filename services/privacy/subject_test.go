package privacy

import (
	"slices"
	"testing"

	"rollcall.example/events/records"
	"rollcall.example/events/spelling"
)

// A full name is a name to look for, and so are the parts that were told of it.
func TestPartsOfAFullNameAreLookedFor(t *testing.T) {
	named := func(p *subject, text string) bool { return p.isNamed(slices.All([]string{text})) }
	p := &subject{finder: spelling.New("8001015009087")}
	fields := map[string]int{"full_name": 0, "date_of_birth": 1}
	p.addNames(fields, []string{"Thandi van Wyk", "1980-01-01"})
	if !named(p, "sister of Thandi van Wyk") || named(p, "sister of Thandi") {
		t.Errorf("by the full name: %q", p.names)
	}
	p.addGuessed(&records.Row{Guessed: []string{"firstname", "surname", "date_of_birth"}, Fields: map[string]string{
		"firstname": "Thandi", "surname": "van Wyk", "date_of_birth": "1980-01-01"}})
	if !named(p, "sister of Thandi") || named(p, "born 1980-01-01") {
		t.Errorf("by its parts: %q", p.names)
	}
	p = &subject{finder: spelling.New("8001015009087")}
	p.addEnds(fields, []string{"Mev Nkosi, Thandi"})
	if !named(p, "sister of Thandi") || named(p, "Mev Botha") {
		t.Errorf("by its ends: %q", p.names)
	}
}
