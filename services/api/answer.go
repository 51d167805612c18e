package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"rollcall.example/events/security"
)

// envelope is what all answers have in common.
type envelope struct {
	authenticate func(*http.Request) (Principal, error)
	now          func() time.Time
	logger       *slog.Logger
	watch        *security.Watch
	proxies      []netip.Prefix
}

// handler answers a request of a known person with data, or refuses it. A nil
// *result means that it has written its own answer.
type handler func(w http.ResponseWriter, r *http.Request, who Principal) (*result, error)

type result struct {
	status  int // 0 means 200
	message string
	data    any
}

// answer puts what a handler returns into the envelope.
func (e *envelope) answer(h handler, body int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, body)
		}
		who, err := e.authenticate(r)
		if err != nil {
			e.refuse(w, r, who, err)
			return
		}
		res, err := h(w, r, who)
		if err != nil {
			e.refuse(w, r, who, err)
			return
		}
		if res != nil {
			e.write(w, r, res)
		}
	})
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
