package persistence

import (
	"testing"

	"rollcall.example/events"
)

func TestVDCode(t *testing.T) {
	const ward, other, vd = "79800001", "79800002", "32840123"
	for name, c := range map[string]struct {
		verdict  events.Verdict
		fileWard string
		want     string
	}{
		"deceased":                           {events.Verdict{Status: events.Deceased}, ward, "11111111"},
		"deceased wins over another ward":    {events.Verdict{Status: events.Deceased, Ward: other, VD: vd}, ward, "11111111"},
		"not registered":                     {events.Verdict{Status: events.NotRegistered}, ward, "99999999"},
		"international":                      {events.Verdict{Status: events.International, Ward: other, VD: vd}, ward, "33333333"},
		"another ward":                       {events.Verdict{Status: events.Registered, Ward: other, VD: vd}, ward, "22222222"},
		"another ward without a VD":          {events.Verdict{Status: events.Registered, Ward: other}, ward, "22222222"},
		"the file's ward":                    {events.Verdict{Status: events.Registered, Ward: ward, VD: vd}, ward, vd},
		"the file names no ward":             {events.Verdict{Status: events.Registered, Ward: other, VD: vd}, "", vd},
		"the IEC names no ward":              {events.Verdict{Status: events.Registered, VD: vd}, ward, vd},
		"registered without a VD":            {events.Verdict{Status: events.Registered, Ward: ward}, ward, "22222222"},
		"registered without a VD or a ward":  {events.Verdict{Status: events.Registered}, "", "22222222"},
		"unverified":                         {events.Verdict{Status: events.Unverified, Reason: "disabled"}, ward, ""},
		"unverified, whatever else is there": {events.Verdict{Status: events.Unverified, Ward: other, VD: vd}, ward, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := vdCode(&c.verdict, c.fileWard); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}
