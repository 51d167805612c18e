package access

import (
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// Principal is who makes a request, with all that they may do. The zero
// Principal may do nothing.
type Principal struct {
	events.User
	// Area is where the person may read and change members.
	Area events.Area
	// Email is the address that the person's token has, if it is one that they have
	// confirmed; "" is none.
	Email string
	role  *role
	known bool
}

// Places are what a token names, as codes or names. A role uses
// those of its own level only: the municipality of a province's administrator
// is where they live.
type Places struct {
	Provinces, Municipalities, Wards []string
}

// Identify returns what a person may do by their role and the places that
// their token names. A role whose level has no place in the token has the area
// nowhere.
func (p *Policy) Identify(user events.User, places Places) Principal {
	r, ok := p.role(user.Role)
	if !ok {
		return Principal{User: user, role: &role{}}
	}
	return Principal{User: user, Area: areaOf(r.Area, places), role: r, known: true}
}

func areaOf(level events.AreaLevel, places Places) events.Area {
	var codes []string
	switch level {
	case events.AreaCountry:
		return events.Country()
	case events.AreaProvince:
		codes = fold(places.Provinces, provinceCode)
	case events.AreaMunicipality:
		codes = fold(places.Municipalities, municipalityCode)
	case events.AreaWard:
		codes = fold(places.Wards, wardCode)
	}
	if len(codes) == 0 {
		return events.Area{}
	}
	return events.Area{Level: level, Codes: codes}
}

// fold returns the codes of places, sorted and each once.
func fold(places []string, code func(string) string) (codes []string) {
	for _, place := range places {
		if c := code(place); c != "" {
			codes = append(codes, c)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// May returns nil when the person may do something with their own jobs, or
// something that is about no job; else a refusal with the code forbidden.
func (p Principal) May(want Permission) error {
	if p.role != nil && slices.Contains(p.role.May, want) {
		return nil
	}
	return p.forbid(want)
}

// MayOn returns nil when the person may do something with a job. It is
// not_found for a job that the person must not know of, and forbidden for one
// that they may see and do nothing more with.
func (p Principal) MayOn(want Permission, job *events.Job) error {
	switch {
	case p.role == nil || p.ID == "":
		return p.forbid(want)
	case job.Owner.ID == p.ID:
		return p.May(want)
	case !slices.Contains(p.role.Others, ReadStatus) || !Covers(p.Area, job.Area()):
		return refusal.Foreign()
	case !slices.Contains(p.role.Others, want):
		return p.forbid(want)
	}
	return nil
}

// MayOnOthers reports whether the person may do something with jobs of other people, if
// their area covers that of the job.
func (p Principal) MayOnOthers(want Permission) bool {
	return p.role != nil && slices.Contains(p.role.Others, want)
}

// SeesAll reports whether lists may show the jobs of everybody.
func (p Principal) SeesAll() bool {
	return p.role != nil && p.Area.Level == events.AreaCountry && slices.Contains(p.role.Others, ReadStatus)
}

// forbid says what is missing. It names no role and nobody's id.
func (p Principal) forbid(want Permission) error {
	message := "Your role does not permit this."
	if !p.known {
		message = "Your role is not known here, so nothing is permitted to it."
	}
	return &refusal.Error{Code: refusal.CodeForbidden, Message: message,
		Details: map[string]any{"permission": want}}
}
