package refusal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

func TestFromMakesRefusalsOfErrors(t *testing.T) {
	own := &refusal.Error{Code: refusal.CodeBusy, Message: "Wait."}
	for want, err := range map[string]error{
		refusal.CodeBusy:        fmt.Errorf("upload: %w", own),
		refusal.CodeNotFound:    fmt.Errorf("load: %w", events.ErrNotFound),
		refusal.CodeStorageFull: errors.Join(own, syscall.ENOSPC),
		refusal.CodeUnavailable: errors.New("socket closed"),
	} {
		if got := refusal.From(err); got.Code != want || got.Message == "" {
			t.Errorf("%v became %+v, want %s", err, got, want)
		}
	}
	if refusal.From(nil) != nil {
		t.Error("nil became a refusal")
	}
}

func TestWriteSendsTheEnvelope(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tt := range map[string]struct {
		e     *refusal.Error
		retry string
	}{
		"unknown": {e: refusal.New(refusal.CodeNotFound, "There is no such job."), retry: ""},
		"given": {
			e:     &refusal.Error{Code: refusal.CodeTooManyUploads, RetryAfter: 1500 * time.Millisecond},
			retry: "2",
		},
		"default": {e: refusal.New(refusal.CodeUnavailable, "Later."), retry: "5"},
	} {
		w := httptest.NewRecorder()
		if err := tt.e.Write(w, now); err != nil {
			t.Fatal(err)
		}
		var body struct {
			Success   bool
			Message   string
			Timestamp time.Time
			Error     struct {
				Code    string
				Details map[string]any
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if body.Success || body.Error.Code != tt.e.Code || body.Error.Details == nil || !body.Timestamp.Equal(now) {
			t.Errorf("%s: %s", name, w.Body)
		}
		if got := w.Header().Get("Retry-After"); got != tt.retry || w.Code != tt.e.Status() {
			t.Errorf("%s: status %d, Retry-After %q, want %q", name, w.Code, got, tt.retry)
		}
	}
}

func TestEachCodeHasAStatus(t *testing.T) {
	for _, code := range refusal.Codes() {
		if s := refusal.Status(code); s < 400 || s == http.StatusInternalServerError {
			t.Errorf("%s has status %d", code, s)
		}
	}
	if refusal.Status("made_up") != http.StatusInternalServerError {
		t.Error("an unknown code is not 500")
	}
	for code, want := range map[string]int{
		refusal.CodeUnauthenticated: refusal.CloseUnauthenticated,
		refusal.CodeNotFound:        0,
	} {
		if got := refusal.CloseCode(code); got != want {
			t.Errorf("%s has close code %d, want %d", code, got, want)
		}
	}
}
