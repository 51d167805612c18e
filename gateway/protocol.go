package gateway

import "encoding/json"

// Events that a client sends.
const (
	eventAuthenticate = "authenticate"
	eventSubscribe    = "subscribe_bulk_upload_job"
	eventUnsubscribe  = "unsubscribe_bulk_upload_job"
	eventPing         = "ping"
)

const (
	subprotocol    = "rollcall"
	bearerProtocol = "bearer."
	readLimit      = 32 << 10
)

type incoming struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	ID    json.RawMessage `json:"id"`
}
