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
	// Status is the HTTP status.
	Status int
	// Message is the sentence of the answer, "" if it has none.
	Message string
}

// Error returns the message, or the status if there is none.
func (e *StatusError) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("HTTP status %d", e.Status)
}

// refuseToken returns the refusal unauthenticated.
func refuseToken(message string) error {
	return &refusal.Error{Code: refusal.CodeUnauthenticated, Message: message, Err: errors.New(message)}
}

// decodeRefusal returns the refusal of an error frame.
func decodeRefusal(f Frame) error {
	var e refusal.Frame
	if err := json.Unmarshal(f.Data, &e); err != nil {
		return fmt.Errorf("read error frame: %w", err)
	}
	return &refusal.Error{Code: e.Code, Message: e.Message, Err: errors.New(e.Message)}
}

// envelope is an answer of the REST API.
type envelope struct {
	Success bool            `json:"success"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
	Error   struct {
		Code    string         `json:"code"`
		Details map[string]any `json:"details"`
	} `json:"error"`
}

// refusal returns the refusal that the envelope holds.
func (a *envelope) refusal(resp *http.Response) error {
	e := &refusal.Error{Code: a.Error.Code, Message: a.Message, Details: a.Error.Details,
		Err: &StatusError{Status: resp.StatusCode, Message: a.Message}}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// maxRefusalSize is how many bytes of a refusal are read.
const maxRefusalSize = 1 << 16

// readRefusal reads a refusal from an answer. One without an envelope, such as those of the
// tus protocol in plain text, gets its code from the status.
func readRefusal(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusalSize))
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
	return a.refusal(resp)
}
