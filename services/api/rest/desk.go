// Package rest is what all handlers of the REST face have in common: the envelope of
// answers and refusals, routes with their permissions and queries, a job that the caller
// may see, the record of who reads about people, and the bound on downloads.
package rest

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/security"
)

// Base is the path that all endpoints stand under.
const Base = "/api/v1/bulk-upload"

// Desk is what a handler works with, whatever it is about. All fields are required.
type Desk struct {
	Log   *events.Log
	Store *events.Store
	// Authenticate tells who makes a request; see RequireUser.
	Authenticate func(*http.Request) (access.Principal, error)
	// Policy says which actions need a second person.
	Policy *access.Policy
	// Watch hears of refusals and of readings; nil means that nobody watches.
	Watch *security.Watch
	// TrustedProxies are those whose X-Forwarded-For is believed; nil means none.
	TrustedProxies []netip.Prefix
	Auditor        *events.Auditor
	Downloads      *Downloads
	Now            func() time.Time
	Logger         *slog.Logger
}
