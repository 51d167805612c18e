package rest

import (
	"encoding/json"
	"net/http"
	"time"

	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
)

// Caller is who makes a request, and the permission that it needs.
type Caller struct {
	access.Principal
	Wants access.Permission
}

// Handler answers a request of a known person with data, or refuses it. A nil
// *Result means that it has written its own answer.
type Handler func(w http.ResponseWriter, r *http.Request, who Caller) (*Result, error)

// Result is what the envelope of an answer takes.
type Result struct {
	Status  int // 0 means 200
	Message string
	Data    any
}

// Answer puts what a handler returns into the envelope. Who lacks the permission
// of a route never reaches its handler; for a route about a job, Load decides.
func (d *Desk) Answer(to Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to.Body > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, to.Body)
		}
		who, err := access.Principal{}, error(nil)
		if to.About != Open {
			who, err = d.Authenticate(r)
		}
		if err != nil {
			d.Refuse(w, r, who, err)
			return
		}
		if err := to.permits(who); err != nil {
			d.Refuse(w, r, who, err)
			return
		}
		if err := to.checkQuery(r); err != nil {
			d.Refuse(w, r, who, err)
			return
		}
		res, err := to.Handler(w, r, Caller{who, to.Wants})
		if err != nil {
			d.Refuse(w, r, who, err)
			return
		}
		if res != nil {
			d.write(w, r, res)
		}
	})
}

// permits returns nil when the person may call the handler of a route.
func (to Route) permits(who access.Principal) error {
	switch {
	case to.About == AboutJob, to.About == Open, to.About == Anybody:
		return nil
	case to.About == AboutCase && who.May(access.Export) == nil:
		return nil
	}
	return who.May(to.Wants)
}

// write sends {success:true, message, data, timestamp}.
func (d *Desk) write(w http.ResponseWriter, r *http.Request, res *Result) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(max(res.Status, http.StatusOK))
	err := json.NewEncoder(w).Encode(map[string]any{
		"success": true, "message": res.Message, "data": res.Data,
		"timestamp": d.Now().UTC().Format(time.RFC3339Nano),
	})
	if err != nil {
		d.Logger.DebugContext(r.Context(), "answer not sent", "err", err)
	}
}

// VisibleOwner is whose jobs the caller sees, "" for all.
func (who Caller) VisibleOwner() string {
	if who.SeesAll() {
		return ""
	}
	return who.ID
}

// RequireUser refuses a request of nobody in particular, who would be the owner of
// nothing, or of everything.
func RequireUser(
	authenticate func(*http.Request) (access.Principal, error),
) func(*http.Request) (access.Principal, error) {
	return func(r *http.Request) (access.Principal, error) {
		who, err := authenticate(r)
		if err == nil && who.ID == "" {
			err = &refusal.Error{Code: refusal.CodeUnauthenticated, Details: map[string]any{"reason": "token_invalid"},
				Message: "The token is not valid. Please sign in again."}
		}
		return who, err
	}
}
