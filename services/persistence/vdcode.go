package persistence

import (
	"rollcall.example/events/records"
)

// Codes that stand where a member has no voting district of their own.
const (
	vdDeceased      = "11111111"
	vdElsewhere     = "22222222"
	vdInternational = "33333333"
	vdNotRegistered = "99999999"
)

// vdCode is the voting district code to write for a verdict and the ward that
// the file names, "" where it names none: then there is no other ward either.
// The result is "" for a person whom the IEC could not be asked about.
func vdCode(v *records.Verdict, fileWard string) string {
	switch {
	case v.Status == records.Deceased:
		return vdDeceased
	case v.Status == records.NotRegistered:
		return vdNotRegistered
	case v.Status == records.International:
		return vdInternational
	case v.Status != records.Registered:
		return ""
	case fileWard != "" && v.Ward != "" && v.Ward != fileWard:
		return vdElsewhere
	case v.VD != "":
		return v.VD
	}
	// Registered without a voting district is written like elsewhere.
	return vdElsewhere
}
