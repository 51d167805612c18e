package refusal

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Frame is a refusal in an error frame of the WebSocket and in the error of a
// Socket.IO acknowledgement.
type Frame struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Frame returns what a socket sends of the refusal.
func (e *Error) Frame() Frame { return Frame{Code: e.Code, Message: e.Message} }

// Status returns the HTTP status of the refusal.
func (e *Error) Status() int { return Status(e.Code) }

// Body returns the body of an HTTP answer:
// {success:false, message, error:{code, details}, timestamp}.
func (e *Error) Body(now time.Time) ([]byte, error) {
	details := e.Details
	if details == nil {
		details = map[string]any{}
	}
	body, err := json.Marshal(map[string]any{
		"success": false, "message": e.Message, "timestamp": now.UTC().Format(time.RFC3339Nano),
		"error": map[string]any{"code": e.Code, "details": details},
	})
	if err != nil {
		return nil, fmt.Errorf("encode refusal %s: %w", e.Code, err)
	}
	return append(body, '\n'), nil
}

// Header sets the headers of an HTTP answer: Content-Type, WWW-Authenticate
// with 401, and Retry-After when RetryAfter is set or the status is 503 (5 s).
func (e *Error) Header(set func(name, value string)) {
	set("Content-Type", "application/json")
	status := e.Status()
	if status == http.StatusUnauthorized {
		set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	switch {
	case e.RetryAfter > 0:
		set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	case status == http.StatusServiceUnavailable:
		set("Retry-After", "5")
	}
}

// Write answers a request with the refusal. The error means that the client did
// not get it.
func (e *Error) Write(w http.ResponseWriter, now time.Time) error {
	body, err := e.Body(now)
	if err != nil {
		return err
	}
	e.Header(w.Header().Set)
	w.WriteHeader(e.Status())
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("send refusal: %w", err)
	}
	return nil
}
