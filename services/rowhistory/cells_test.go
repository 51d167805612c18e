package rowhistory

import (
	"testing"

	"rollcall.example/events/records"
)

// Whatever code a row was rejected with, the history names the rule that failed.
func TestEachRejectFailsARule(t *testing.T) {
	for _, code := range []string{
		records.RejectMissing, records.RejectFormat, records.RejectChecksum, records.RejectDate,
		records.RejectOutOfArea, records.RejectDuplicate,
	} {
		var h History
		h.addRules(&records.RejectedRow{Code: code, Message: "why"})
		failed := ""
		for _, rule := range h.Rules {
			if rule.Answer == "failed" && rule.Message == "why" {
				failed = rule.Rule
			}
		}
		if failed != code {
			t.Errorf("rejected for %s, but the rules are %+v", code, h.Rules)
		}
	}
}
