package persistence

import (
	"rollcall.example/events/records"
)

// Codes that stand in for a voting district where a member has none of their own.
const (
	vdDeceased      = "11111111"
	vdElsewhere     = "22222222"
	vdInternational = "33333333"
	vdNotRegistered = "99999999"
)

// vdCode returns the voting district code for a verdict. fileWard is the ward
// that the file names, "" for none; without it no verdict counts as another
// ward. The result is "" for a person whom the IEC could not be asked about.
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
	// Registered without a voting district counts as registered elsewhere.
	return vdElsewhere
}
