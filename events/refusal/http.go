package refusal

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Frame is a refusal in an error frame of the WebSocket, and as the error of a
// Socket.IO acknowledgement.
type Frame struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Frame returns what a socket sends of the refusal.
func (e *Error) Frame() Frame { return Frame{Code: e.Code, Message: e.Message} }

// Status is the HTTP status of the refusal.
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

// Header sets the headers that an HTTP answer has because of the refusal:
// Content-Type, WWW-Authenticate with 401, Retry-After where it is known when to
// come back (5 s with 503).
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

// Write answers a request with the refusal. The error says that the client did
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
