package report

import (
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// The report says of each row whom the mode left out, and how many on the whole.
func TestAReportTellsWhomTheModeLeftOut(t *testing.T) {
	r := newRig(t)
	for mode, c := range map[events.Mode]struct{ result, words, reason, line string }{
		events.ModeCreate: {records.Known, "Member already, left alone", knownReason, "Members already, left alone"},
		events.ModeUpdate: {records.Unknown, "No member, not added", unknownReason, "No members, not added"},
	} {
		in := smallRoll()
		in.options.Mode = mode
		in.outcomes[0] = records.Outcome{N: in.outcomes[0].N, Result: c.result}
		in.db.Known, in.db.Unknown = 1, 1
		texts := textsOf(t, r.download(t, r.runJob(t, in)))
		for _, want := range []string{c.words, c.reason, c.line} {
			if texts[want] == 0 {
				t.Errorf("mode %s: the report does not say %q", mode, want)
			}
		}
	}
}

// What the IEC said of somebody who may be a member elsewhere is not in the report of a
// part of the country; an undo of such a job is one.
func TestAReportWithholdsTheAnswersAboutStrangers(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	in.options.Mode = events.ModeUpdate
	in.outcomes[0] = records.Outcome{N: in.outcomes[0].N, Result: records.Unknown}
	in.verdicts[0] = records.Verdict{N: in.verdicts[0].N, Status: records.Registered, VoterStatus: "SECRET STATUS",
		Ward: "19100001", VD: "97090001", Station: "SECRET STATION"}
	for _, part := range []bool{false, true} {
		in.area = nil
		if part {
			in.area = &events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
		}
		shown := false
		for text := range textsOf(t, r.download(t, r.runJob(t, in))) {
			shown = shown || strings.Contains(text, "SECRET") || strings.Contains(text, "97090001")
		}
		if shown == part {
			t.Errorf("of a part of the country: %v, shown: %v", part, shown)
		}
	}
}
