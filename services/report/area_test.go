package report

import (
	"strings"
	"testing"

	"rollcall.example/events/records"
)

// Of a row that waits the report has the uploader's own cells, and that it waits.
func TestAReportTellsNothingOfRowsThatWait(t *testing.T) {
	r := newRig(t)
	in := smallRoll()
	in.outcomes[0] = records.Outcome{N: in.outcomes[0].N, Result: records.Transfer}
	in.verdicts[0] = records.Verdict{N: in.verdicts[0].N, Status: records.Registered, VoterStatus: "SECRET STATUS",
		Ward: "19100001", VD: "97090001", Station: "SECRET STATION", MunicipalityCode: "CPT",
		Municipality: "Secret Town", Province: "Western Cape"}
	in.db.Transfers = 1
	in.rejects[0].Code, in.rejects[0].Message = records.RejectOutOfArea, "The row lies outside of your area."
	texts := textsOf(t, r.download(t, r.runJob(t, in)))
	for text := range texts {
		for _, secret := range []string{"SECRET", "Secret", "19100001", "97090001", "CPT", "Western Cape"} {
			if strings.Contains(text, secret) {
				t.Errorf("the report says %q", text)
			}
		}
	}
	if texts["Waits for another area"] == 0 || texts[waitsReason] == 0 || texts["Outside of your area, left out"] != 1 {
		t.Errorf("the report does not say that the row waits")
	}
}
