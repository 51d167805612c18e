package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// problem is an answer that is no success.
type problem struct {
	code    string
	message string
	details map[string]any
	wait    time.Duration // until it makes sense to come back; 0 is unknown
	err     error         // for the log only
}

func (p *problem) Error() string {
	if p.err != nil {
		return p.code + ": " + p.err.Error()
	}
	return p.code
}

func (p *problem) Unwrap() error { return p.err }

// statuses is the one table from code to HTTP status.
var statuses = map[string]int{
	"unauthenticated":    http.StatusUnauthorized,
	"not_found":          http.StatusNotFound,
	"method_not_allowed": http.StatusMethodNotAllowed,
	"bad_request":        http.StatusBadRequest,
	"no_file":            http.StatusBadRequest,
	"key_reused":         http.StatusUnprocessableEntity,
	"file_too_large":     http.StatusRequestEntityTooLarge,
	"nothing_to_fix":     http.StatusNotFound,
	"not_ready":          http.StatusConflict,
	"expired":            http.StatusGone,
	"not_allowed":        http.StatusConflict,
	"too_many_webhooks":  http.StatusConflict,
	"report_damaged":     http.StatusBadGateway,
	"too_many_uploads":   http.StatusTooManyRequests,
	"busy":               http.StatusServiceUnavailable,
	"unavailable":        http.StatusServiceUnavailable,
	"storage_full":       http.StatusInsufficientStorage,

	refusal.CodeEmptyFile:       http.StatusBadRequest,
	refusal.CodeXLS:             http.StatusUnsupportedMediaType,
	refusal.CodeNotAZip:         http.StatusUnsupportedMediaType,
	refusal.CodeNotAWorkbook:    http.StatusUnsupportedMediaType,
	refusal.CodeEncrypted:       http.StatusUnsupportedMediaType,
	refusal.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	refusal.CodeUnreadable:      http.StatusUnprocessableEntity,
	refusal.CodeNoRows:          http.StatusUnprocessableEntity,
	refusal.CodeNoIDColumn:      http.StatusUnprocessableEntity,
	refusal.CodeDuplicateColumn: http.StatusUnprocessableEntity,
}

func refuse(code, message string) *problem { return &problem{code: code, message: message} }

// notFound is the answer for a job that does not exist and for somebody else's:
// nobody learns which ids there are.
func notFound() *problem { return refuse("not_found", "There is no such job.") }

// handler answers a request of a known person with data, or refuses it. A nil
// *result means that it has written its own answer.
type handler func(w http.ResponseWriter, r *http.Request, who Principal) (*result, error)

type result struct {
	status  int // 0 means 200
	message string
	data    any
}

func (s *Service) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		who, err := s.cfg.Authenticate(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		res, err := h(w, r, who)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if res != nil {
			s.write(w, max(res.status, http.StatusOK), map[string]any{
				"success": true, "message": res.message, "data": res.data, "timestamp": s.timestamp(),
			})
		}
	})
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(err)
	status, known := statuses[p.code]
	if !known {
		status = http.StatusInternalServerError
	}
	switch {
	case r.Context().Err() != nil:
		s.cfg.Logger.DebugContext(r.Context(), "client gone", "method", r.Method, "code", p.code, "err", err)
	case status >= 500:
		s.cfg.Logger.ErrorContext(r.Context(), "request failed", "method", r.Method, "code", p.code, "err", err)
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	if after := retryAfter(status, p); after != "" {
		w.Header().Set("Retry-After", after)
	}
	details := p.details
	if details == nil {
		details = map[string]any{}
	}
	s.write(w, status, map[string]any{
		"success": false, "message": p.message, "timestamp": s.timestamp(),
		"error": map[string]any{"code": p.code, "details": details},
	})
}

// retryAfter is in how many seconds to come back, "" where that is not known.
func retryAfter(status int, p *problem) string {
	switch {
	case p.wait > 0:
		return strconv.Itoa(int(math.Ceil(p.wait.Seconds())))
	case status == http.StatusServiceUnavailable:
		return "5"
	}
	return ""
}

func (s *Service) problem(err error) *problem {
	var p *problem
	var who *Unauthenticated
	var file *refusal.Error
	switch {
	case events.StorageFull(err): // whatever was made of it
		return &problem{code: "storage_full", message: "There is no room to store more at the moment. Please tell whoever runs this service, and try again later.", err: err}
	case errors.As(err, &p):
		return p
	case errors.As(err, &who):
		return &problem{code: "unauthenticated", message: who.Message, details: map[string]any{"reason": who.Reason}}
	case errors.As(err, &file):
		return &problem{code: file.Code, message: file.Message, err: err}
	case errors.Is(err, events.ErrNotFound):
		return notFound()
	}
	return &problem{code: "unavailable", message: "The service cannot do this at the moment. Please try again soon.", err: err}
}

func (s *Service) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.cfg.Logger.Debug("answer not sent", "err", err)
	}
}

func (s *Service) timestamp() string { return s.cfg.Now().UTC().Format(time.RFC3339Nano) }

// fallback gives the mux's own refusals the shape of all others.
func (s *Service) fallback(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var others []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPatch, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			_, pattern := mux.Handler(other)
			if named, _ := cut(pattern); named == method { // what answers GET answers HEAD as well
				others = append(others, method)
			}
		}
		if others != nil {
			w.Header().Set("Allow", strings.Join(others, ", "))
			s.refuse(w, r, refuse("method_not_allowed", fmt.Sprintf("Use %s for this address.", strings.Join(others, " or "))))
			return
		}
		s.refuse(w, r, refuse("not_found", "There is nothing at this address."))
	})
}

func cut(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, path
}
