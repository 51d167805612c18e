package wards

import (
	"cmp"
	"maps"
	"slices"

	"rollcall.example/events/access"
)

// tally adds up changes ward by ward. What is said of where a ward lies may differ from
// member to member: the directory decides, else the most members.
type tally struct {
	query  Query
	target int
	known  map[string]Region
	wards  map[string]*Ward
	said   map[string]map[location]int // members, by ward and what they say of where it lies
	// loose are members of whom no ward is known, by where they are.
	loose map[location]*Ward
}

// location is a municipality and a province, as codes.
type location struct{ municipality, province string }

func newTally(q Query, known map[string]Region, target int) *tally {
	return &tally{q, target, known, map[string]*Ward{}, map[string]map[location]int{}, map[location]*Ward{}}
}

// add adds a change, if it lies in the area.
func (t *tally) add(c *change) {
	if !t.query.Bounds.Contain(c.place()) {
		return
	}
	at := location{access.MunicipalityCode(c.Municipality), provinceOf(c.Province)}
	if c.Ward == "" {
		if t.loose[at] == nil {
			t.loose[at] = &Ward{Municipality: at.municipality, Province: at.province, Target: t.target}
		}
		t.loose[at].Counts.add(c.Counts)
		return
	}
	t.ward(c.Ward).Counts.add(c.Counts)
	if t.said[c.Ward] == nil {
		t.said[c.Ward] = map[location]int{}
	}
	t.said[c.Ward][at] += c.Members
}

func (t *tally) ward(code string) *Ward {
	if t.wards[code] == nil {
		t.wards[code] = &Ward{Ward: code, Target: t.target}
	}
	return t.wards[code]
}

// addEmptyWards adds the wards of the directory that lie in the area.
func (t *tally) addEmptyWards() {
	for code, r := range t.known {
		if t.query.Bounds.Contain(access.Place{Province: r.Province, Municipality: r.Municipality, Ward: code}) {
			t.ward(code)
		}
	}
}

// provinceOf returns the code of a province, and what is none as it is.
func provinceOf(text string) string {
	if code, known := access.ProvinceCode(text); known {
		return code
	}
	return text
}

// locate fills in where a ward lies.
func (t *tally) locate(w *Ward) {
	said := t.said[w.Ward]
	places := slices.SortedFunc(maps.Keys(said), func(a, b location) int {
		return cmp.Or(cmp.Compare(said[b], said[a]), cmp.Compare(a.municipality, b.municipality),
			cmp.Compare(a.province, b.province))
	})
	r := t.known[w.Ward]
	w.SubRegion, w.Municipality, w.Province = r.SubRegion, r.Municipality, r.Province
	for _, p := range places {
		w.Municipality, w.Province = cmp.Or(w.Municipality, p.municipality), cmp.Or(w.Province, p.province)
	}
}

// standing returns the sums, narrowed by the query.
func (t *tally) standing() *Standing {
	s := &Standing{Provinces: []Place{}, Municipalities: []Place{}, Wards: []Ward{}}
	list := slices.Collect(maps.Values(t.wards))
	for _, w := range list {
		t.locate(w)
	}
	list = append(list, slices.Collect(maps.Values(t.loose))...)
	slices.SortFunc(list, func(a, b *Ward) int {
		return cmp.Or(cmp.Compare(a.Province, b.Province), cmp.Compare(a.Municipality, b.Municipality),
			cmp.Compare(a.Ward, b.Ward))
	})
	for _, w := range list {
		if w.Ward == "" && w.Members == 0 || !t.query.wants(w) {
			continue
		}
		w.Reached = w.Ward != "" && w.Registered >= w.Target
		s.Wards = append(s.Wards, *w)
		s.Total.addWard(w)
		last := len(s.Provinces) - 1
		if last < 0 || s.Provinces[last].Province != w.Province {
			s.Provinces, last = append(s.Provinces, Place{Province: w.Province}), last+1
		}
		s.Provinces[last].addWard(w)
		last = len(s.Municipalities) - 1
		if last < 0 || s.Municipalities[last].Province != w.Province ||
			s.Municipalities[last].Municipality != w.Municipality {
			s.Municipalities = append(s.Municipalities, Place{Province: w.Province, Municipality: w.Municipality})
			last++
		}
		s.Municipalities[last].addWard(w)
	}
	return s
}

// wants reports whether a ward is asked for.
func (q *Query) wants(w *Ward) bool {
	return (q.Province == "" || q.Province == w.Province) &&
		(q.Municipality == "" || q.Municipality == w.Municipality) && (q.Ward == "" || q.Ward == w.Ward)
}

func (p *Place) addWard(w *Ward) {
	p.Counts.add(w.Counts)
	if w.Ward == "" {
		return
	}
	p.Wards++
	if w.Reached {
		p.Reached++
	}
}
