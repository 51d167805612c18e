package gateway

import (
	"encoding/json"

	"github.com/coder/websocket"
)

// Events that a client sends.
const (
	eventAuthenticate = "authenticate"
	eventSubscribe    = "subscribe_bulk_upload_job"
	eventUnsubscribe  = "unsubscribe_bulk_upload_job"
	eventPing         = "ping"
)

// Codes of the error frame.
const (
	codeUnauthenticated = "unauthenticated"
	codeForbidden       = "forbidden"
	codeNotFound        = "not_found"
	codeBadRequest      = "bad_request"
	codeTooMany         = "too_many_subscriptions"
	codeOverloaded      = "overloaded"
	// codeConnections is of HTTP answers only: in a WebSocket it is CloseTooMany.
	codeConnections = "too_many_connections"
)

// Close codes, and what they tell a client to do.
const (
	// CloseRestart: the gateway is being replaced. Connect again at once, with
	// the last sequence seen.
	CloseRestart = websocket.StatusServiceRestart
	// CloseUnauthenticated: the token is missing, bad or has expired. Come back
	// with a fresh one.
	CloseUnauthenticated websocket.StatusCode = 4001
	// CloseSlow: the client did not keep up. Connect again, with the last
	// sequence seen.
	CloseSlow websocket.StatusCode = 4002
	// CloseAnew: the event stream was made anew. Connect again and forget all
	// sequences seen.
	CloseAnew websocket.StatusCode = 4003
	// CloseGone: no answer to a ping.
	CloseGone websocket.StatusCode = 4004
	// CloseTooMany: the user has as many connections as one may have. Come back
	// later.
	CloseTooMany websocket.StatusCode = 4005
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

// refusal becomes an error frame.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *refusal) Error() string { return r.Code }

func refuse(code, message string) *refusal { return &refusal{Code: code, Message: message} }

// notFound is the answer for a job that does not exist and for somebody else's.
func notFound() *refusal { return refuse(codeNotFound, "There is no such job.") }
