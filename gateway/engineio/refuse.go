package engineio

import (
	"encoding/json"
	"net/http"
)

// Code says why a request is refused. The numbers are those of Engine.IO's own server.
type Code int

// Codes of refusals. All but CodeForbidden come with HTTP status 400.
const (
	CodeUnknownTransport   Code = 0
	CodeUnknownSession     Code = 1
	CodeBadMethod          Code = 2
	CodeBadRequest         Code = 3
	CodeForbidden          Code = 4
	CodeUnsupportedVersion Code = 5
)

var messages = map[Code]string{
	CodeUnknownTransport:   "Transport unknown",
	CodeUnknownSession:     "Session ID unknown",
	CodeBadMethod:          "Bad handshake method",
	CodeBadRequest:         "Bad request",
	CodeForbidden:          "Forbidden",
	CodeUnsupportedVersion: "Unsupported protocol version",
}

// Refuse answers a request with a code and its message.
func Refuse(w http.ResponseWriter, code Code) {
	status := http.StatusBadRequest
	if code == CodeForbidden {
		status = http.StatusForbidden
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may be gone.
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": messages[code]})
}
