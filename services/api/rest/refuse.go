package rest

import (
	"fmt"
	"net/http"
	"strings"

	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
)

// Refuse answers with an error. Those that are our fault are logged. who is the zero
// access.Principal where nobody knows.
func (d *Desk) Refuse(w http.ResponseWriter, r *http.Request, who access.Principal, err error) {
	refused := refusal.From(err)
	if r.Pattern != "" { // there is such an address
		d.NoteRefusal(r, who, security.KindOf(refused), refused.Code)
	}
	switch {
	case r.Context().Err() != nil:
		d.Logger.DebugContext(r.Context(), "client left before the answer",
			"method", r.Method, "code", refused.Code, "err", err)
	case refused.Status() >= http.StatusInternalServerError:
		d.Logger.ErrorContext(r.Context(), "request failed",
			"method", r.Method, "code", refused.Code, "err", err)
	}
	if err := refused.Write(w, d.Now()); err != nil {
		d.Logger.DebugContext(r.Context(), "refusal not sent", "err", err)
	}
}

// NoteRefusal tells who watches of a refusal. The path and its jobId may be anything that the
// client made up, so only the pattern, and an id that could be one, go further.
func (d *Desk) NoteRefusal(r *http.Request, who access.Principal, kind security.Kind, code string) {
	d.Watch.Refused(r.Context(), security.Refusal{
		Face: security.FaceREST, Kind: kind, Code: code, Route: r.Pattern, User: who.User,
		Address: security.ClientAddress(r, d.TrustedProxies), JobID: r.PathValue("jobId"),
	})
}

// RefuseUnknown gives the mux's own refusals the shape of all others.
func (d *Desk) RefuseUnknown(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		methods := AllowedMethods(mux, r)
		if methods == nil {
			d.Refuse(w, r, access.Principal{}, NothingHere())
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		d.Refuse(w, r, access.Principal{}, refusal.New(refusal.CodeMethod,
			fmt.Sprintf("Use %s for this address.", strings.Join(methods, " or "))))
	})
}

// NothingHere refuses an address that no route has.
func NothingHere() *refusal.Error {
	return refusal.New(refusal.CodeNotFound, "There is nothing at this address.")
}

// AllowedMethods returns the methods that the address of r has a route for.
func AllowedMethods(mux *http.ServeMux, r *http.Request) (methods []string) {
	for _, method := range []string{
		http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodPatch,
		http.MethodDelete,
	} {
		other := r.Clone(r.Context())
		other.Method = method
		_, pattern := mux.Handler(other)
		if strings.HasPrefix(pattern, method+" ") { // what answers GET answers HEAD as well
			methods = append(methods, method)
		}
	}
	return methods
}
