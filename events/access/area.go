package access

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"rollcall.example/events"
	"rollcall.example/schema"
)

// Place is where a row or a member is, as texts of the roll. "" is not known.
type Place struct {
	Province     string // a code, a name or the IEC's number
	Municipality string // "JHB - City of Johannesburg", or the code alone
	Ward         string // 8 digits
}

// Empty reports whether nothing is known of the place.
func (p Place) Empty() bool { return p == Place{} }

// Bounds is an area in a form that answers quickly. The zero Bounds contains
// nothing.
type Bounds struct {
	level events.AreaLevel
	codes map[string]bool
	wards map[string]bool
}

// NewBounds returns the bounds of an area.
func NewBounds(a events.Area) *Bounds {
	b := &Bounds{level: a.Level, codes: make(map[string]bool, len(a.Codes)), wards: make(map[string]bool, len(a.Wards))}
	for _, c := range a.Codes {
		b.codes[c] = true
	}
	for _, w := range a.Wards {
		b.wards[w] = true
	}
	return b
}

// Everywhere reports whether the area is the whole country.
func (b *Bounds) Everywhere() bool { return b.level == events.AreaCountry }

// Contain reports whether a place lies in the area. At least one thing that the
// place says must show that it does, and nothing may show that it does not. A
// place that says nothing of the area's level lies outside: nobody can tell.
func (b *Bounds) Contain(p Place) bool {
	var inside, outside bool
	see := func(text string, code func(string) string) {
		if text = strings.TrimSpace(text); text != "" {
			in := b.codes[code(text)]
			inside, outside = inside || in, outside || !in
		}
	}
	switch b.level {
	case events.AreaCountry:
		return true
	case events.AreaWard:
		see(p.Ward, wardCode)
		return inside && !outside
	case events.AreaMunicipality:
		see(p.Municipality, municipalityCode)
	case events.AreaProvince:
		see(p.Province, provinceCode)
	default:
		return false
	}
	// Which wards lie in the area is known for all of it or for nothing of it.
	if ward := wardCode(p.Ward); ward != "" && len(b.wards) > 0 {
		in := b.wards[ward]
		inside, outside = inside || in, outside || !in
	}
	return inside && !outside
}

// Covers reports whether all of another area is known to lie in this one. The
// whole country covers everything, also nowhere.
func Covers(a, other events.Area) bool {
	if a.Level == events.AreaCountry {
		return true
	}
	if a.Level == events.AreaNowhere || other.Level == events.AreaNowhere || len(other.Codes) == 0 {
		return false
	}
	if a.Level == other.Level {
		return containsAll(a.Codes, other.Codes)
	}
	switch other.Level {
	case events.AreaWard:
		return containsAll(a.Wards, other.Codes)
	case events.AreaMunicipality:
		return a.Level == events.AreaProvince && len(other.Wards) > 0 && containsAll(a.Wards, other.Wards)
	}
	return false
}

func containsAll(set, list []string) bool {
	for _, s := range list {
		if !slices.Contains(set, s) {
			return false
		}
	}
	return true
}

// MunicipalityCode returns the code of a municipality by its code or its whole
// name, "JHB - City of Johannesburg".
func MunicipalityCode(text string) string { return municipalityCode(text) }

// ProvinceCode returns the code of a province by any of its spellings, and
// whether it is one.
func ProvinceCode(text string) (code string, known bool) {
	code, known = provinceCodes()[foldPlace(text)]
	return code, known
}

// wardCode returns a ward's 8 digits, and a text that is no such code as it is,
// so that it equals no code.
func wardCode(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSuffix(text, ".0")
}

// municipalityCode returns the code before " - ", in capital letters.
func municipalityCode(text string) string {
	code, _, _ := strings.Cut(text, " - ")
	return strings.ToUpper(strings.TrimSpace(code))
}

// provinceCode returns the code of a province by any of its spellings, and an
// unknown text folded, so that it equals no code.
func provinceCode(text string) string {
	text = foldPlace(text)
	if code, ok := provinceCodes()[text]; ok {
		return code
	}
	return text
}

// provinceCodes maps each spelling of a province, folded, to its code.
var provinceCodes = sync.OnceValue(func() map[string]string {
	provinces, err := schema.Provinces()
	if err != nil {
		panic(err) // a test reads it
	}
	codes := map[string]string{}
	for code, names := range provinces {
		codes[foldPlace(code)] = code
		for _, name := range names {
			codes[foldPlace(name)] = code
		}
	}
	return codes
})

// foldPlace keeps the letters and digits of a text, in lower case.
func foldPlace(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
