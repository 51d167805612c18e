package gateway

import "encoding/json"

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
