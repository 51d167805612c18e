package persistence

import (
	"testing"

	"rollcall.example/events/records"
)

func TestVDCode(t *testing.T) {
	const ward, other, vd = "79800001", "79800002", "32840123"
	for name, c := range map[string]struct {
		verdict  records.Verdict
		fileWard string
		want     string
	}{
		"deceased": {records.Verdict{Status: records.Deceased}, ward, "11111111"},
		"deceased wins over another ward": {records.Verdict{Status: records.Deceased, Ward: other, VD: vd}, ward,
			"11111111"},
		"not registered": {records.Verdict{Status: records.NotRegistered}, ward, "99999999"},
		"international": {records.Verdict{Status: records.International, Ward: other, VD: vd}, ward,
			"33333333"},
		"another ward": {records.Verdict{Status: records.Registered, Ward: other, VD: vd}, ward,
			"22222222"},
		"another ward without a VD": {records.Verdict{Status: records.Registered, Ward: other}, ward,
			"22222222"},
		"the file's ward": {records.Verdict{Status: records.Registered, Ward: ward, VD: vd}, ward,
			vd},
		"the file names no ward": {records.Verdict{Status: records.Registered, Ward: other, VD: vd}, "", vd},
		"the IEC names no ward":  {records.Verdict{Status: records.Registered, VD: vd}, ward, vd},
		"registered without a VD": {records.Verdict{Status: records.Registered, Ward: ward}, ward,
			"22222222"},
		"registered without a VD or a ward": {records.Verdict{Status: records.Registered}, "", "22222222"},
		"unverified": {records.Verdict{Status: records.Unverified, Reason: "disabled"}, ward,
			""},
		"unverified with a ward and a VD": {records.Verdict{Status: records.Unverified, Ward: other, VD: vd}, ward,
			""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := vdCode(&c.verdict, c.fileWard); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}
