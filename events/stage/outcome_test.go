package stage_test

import (
	"errors"
	"fmt"
	"testing"

	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
)

func TestRejectionWrapsTheRefusalAndTheCause(t *testing.T) {
	cause := errors.New("row 7 is odd")
	known := &refusal.Error{Code: "no_rows", Message: "The sheet has no rows.", Err: cause}
	for name, err := range map[string]error{
		"Reject":     stage.Reject(known.Code, known.Message, cause),
		"RejectWith": stage.RejectWith(known),
	} {
		err = fmt.Errorf("validate: %w", err)
		reject, isRejection := errors.AsType[*stage.Rejection](err)
		refused, isRefusal := errors.AsType[*refusal.Error](err)
		if !isRejection || !isRefusal || !errors.Is(err, cause) {
			t.Fatalf("%s: %v wraps a rejection %v, a refusal %v", name, err, isRejection, isRefusal)
		}
		if reject.Retryable || refused.Code != known.Code || refused.Message != known.Message {
			t.Errorf("%s: %+v, refusal %+v", name, reject, refused)
		}
		if want := "validate: no_rows: row 7 is odd"; err.Error() != want {
			t.Errorf("%s: %q, want %q", name, err, want)
		}
	}
}
