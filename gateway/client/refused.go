package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events/refusal"
)

// StatusError is the cause of a refusal that came over HTTP.
type StatusError struct {
	// Status is the one of the answer.
	Status int
	// Message is what the answer says; without one, the status is named.
	Message string
}

// Error returns the server's sentence.
func (e *StatusError) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("HTTP status %d", e.Status)
}

// unauthenticated is the refusal of a token.
func unauthenticated(message string) error {
	return &refusal.Error{Code: refusal.CodeUnauthenticated, Message: message, Err: errors.New(message)}
}

// frameRefusal returns the refusal of an error frame.
func frameRefusal(f Frame) error {
	var e refusal.Frame
	if err := json.Unmarshal(f.Data, &e); err != nil {
		return fmt.Errorf("read error frame: %w", err)
	}
	return &refusal.Error{Code: e.Code, Message: e.Message, Err: errors.New(e.Message)}
}

// envelope is what the REST API answers.
type envelope struct {
	Success bool            `json:"success"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
	Error   struct {
		Code    string         `json:"code"`
		Details map[string]any `json:"details"`
	} `json:"error"`
}

// refused returns the refusal that stands in an envelope.
func (a *envelope) refused(resp *http.Response) error {
	e := &refusal.Error{Code: a.Error.Code, Message: a.Message, Details: a.Error.Details,
		Err: &StatusError{Status: resp.StatusCode, Message: a.Message}}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// maxRefusal bounds what is read of an answer that refuses, in bytes.
const maxRefusal = 1 << 16

// refusedBy returns the refusal of an answer that is no success. An answer that has no
// envelope is named by its status: such are the tus protocol's own, in plain text.
func refusedBy(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return fmt.Errorf("read refusal: %w", err)
	}
	var a envelope
	if json.Unmarshal(text, &a) != nil || a.Error.Code == "" {
		a = envelope{}
		a.Error.Code = strings.ReplaceAll(strings.ToLower(http.StatusText(resp.StatusCode)), " ", "_")
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
			a.Message = strings.TrimSpace(string(text))
		}
	}
	return a.refused(resp)
}
