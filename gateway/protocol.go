package gateway

import "encoding/json"

// Subprotocols of a browser, which cannot send an Authorization header, and limits.
const (
	subprotocol    = "rollcall"
	bearerProtocol = "bearer."
	readLimit      = 32 << 10 // bytes of a frame
	maxIDLength    = 100      // bytes of a request's id, as JSON
)

// request is a frame that a client has sent.
type request struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	ID    json.RawMessage `json:"id"`
}
