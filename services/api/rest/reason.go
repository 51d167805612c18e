package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/spelling"
)

// maxReason is how long the reason of a decision may be, in characters.
const maxReason = 500

// ReadReason reads the optional body {"reason": "..."} of a decision. A reason is
// part of an event, so an ID number in it is refused.
func ReadReason(r *http.Request) (string, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		return "", refusal.New(refusal.CodeBadRequest, "The body must be JSON with reason, or empty.")
	}
	return CheckReason(body.Reason)
}

// CheckReason returns a reason without the space around it.
func CheckReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case utf8.RuneCountInString(reason) > maxReason:
		return "", refusal.New(refusal.CodeBadRequest, "The reason is longer than 500 characters.")
	case events.HasID(reason), spelling.HasNumber(reason):
		return "", refusal.New(refusal.CodeBadRequest, "The reason holds an ID number. Name no person in it.")
	}
	return reason, nil
}
