package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"rollcall.example/events/access"
	"rollcall.example/events/security"
)

// envelope is what all answers have in common.
type envelope struct {
	authenticate func(*http.Request) (access.Principal, error)
	now          func() time.Time
	logger       *slog.Logger
	watch        *security.Watch
	proxies      []netip.Prefix
}

// caller is who makes a request, and the permission that it needs.
type caller struct {
	access.Principal
	wants access.Permission
}

// handler answers a request of a known person with data, or refuses it. A nil
// *result means that it has written its own answer.
type handler func(w http.ResponseWriter, r *http.Request, who caller) (*result, error)

type result struct {
	status  int // 0 means 200
	message string
	data    any
}

// answer puts what a handler returns into the envelope. Who lacks the permission
// of a route never reaches its handler; for a route about a job, load decides.
func (e *envelope) answer(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to.body > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, to.body)
		}
		who, err := access.Principal{}, error(nil)
		if to.about != open {
			who, err = e.authenticate(r)
		}
		if err != nil {
			e.refuse(w, r, who, err)
			return
		}
		if err := to.permits(who); err != nil {
			e.refuse(w, r, who, err)
			return
		}
		if err := to.checkQuery(r); err != nil {
			e.refuse(w, r, who, err)
			return
		}
		res, err := to.handler(w, r, caller{who, to.wants})
		if err != nil {
			e.refuse(w, r, who, err)
			return
		}
		if res != nil {
			e.write(w, r, res)
		}
	})
}

// permits returns nil when the person may call the handler of a route.
func (to route) permits(who access.Principal) error {
	switch {
	case to.about == aboutJob, to.about == open, to.about == anybody:
		return nil
	case to.about == aboutCase && who.May(access.Export) == nil:
		return nil
	}
	return who.May(to.wants)
}

// write sends {success:true, message, data, timestamp}.
func (e *envelope) write(w http.ResponseWriter, r *http.Request, res *result) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(max(res.status, http.StatusOK))
	err := json.NewEncoder(w).Encode(map[string]any{
		"success": true, "message": res.message, "data": res.data,
		"timestamp": e.now().UTC().Format(time.RFC3339Nano),
	})
	if err != nil {
		e.logger.DebugContext(r.Context(), "answer not sent", "err", err)
	}
}
