package api

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// Pages of other origins. A browser sends what a page says only if the answer permits
// the page's origin; it sends no token by itself, since there is no cookie.

const (
	headerOrigin = "Origin"
	// headerAsked marks a preflight: the question which comes before a request.
	headerAsked = "Access-Control-Request-Method"
	// preflightAge is how many seconds a browser keeps the answer to a preflight.
	preflightAge = "600"
)

// sentHeaders are those that a page may send, and readHeaders those that it may read,
// beside the ones that every page may.
var (
	sentHeaders = strings.Join([]string{
		"Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Traceparent", "X-Request-Id",
		"X-Requested-With",
		"Tus-Resumable", "Upload-Checksum", "Upload-Concat", "Upload-Length", "Upload-Metadata", "Upload-Offset",
	}, ", ")
	readHeaders = strings.Join([]string{
		"Allow", "Content-Disposition", "ETag", "Idempotent-Replayed", "Location", "Retry-After", "WWW-Authenticate",
		"Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version",
		"Upload-Concat", "Upload-Expires", "Upload-Job", "Upload-Length", "Upload-Mapping-Offered", "Upload-Metadata",
		"Upload-Offset",
	}, ", ")
)

// permitOrigins lets pages of the permitted origins use what mux serves, and answers the
// preflights, which have no token. Pages of others get no header that permits anything.
func (a *API) permitOrigins(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", headerOrigin)
		origin := r.Header.Get(headerOrigin)
		permitted := isPermitted(origin, a.origins)
		if permitted {
			h.Set("Access-Control-Allow-Origin", origin)
		}
		asks := origin != "" && r.Method == http.MethodOptions && r.Header.Get(headerAsked) != ""
		if !asks {
			if permitted {
				h.Set("Access-Control-Expose-Headers", readHeaders)
			}
			next.ServeHTTP(w, r)
			return
		}
		methods := rest.AllowedMethods(mux, r)
		switch {
		case methods == nil:
			a.Refuse(w, r, access.Principal{}, rest.NothingHere())
		case !permitted:
			a.Refuse(w, r, access.Principal{}, &refusal.Error{Code: refusal.CodeForbidden,
				Message: "Pages of this origin may not use this service.", Details: map[string]any{"reason": "origin"}})
		default:
			h.Add("Vary", headerAsked)
			h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
			h.Set("Access-Control-Allow-Headers", sentHeaders)
			h.Set("Access-Control-Max-Age", preflightAge)
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

// isPermitted says whether one of the patterns is that of an origin. A pattern is a host,
// or with :// a scheme and a host, as for the WebSocket; * stands for any part.
func isPermitted(origin string, patterns []string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		!strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
		return false // none, or the "null" of a page that nobody knows the origin of
	}
	for _, pattern := range patterns {
		host := u.Host
		if strings.Contains(pattern, "://") {
			host = u.Scheme + "://" + u.Host
		}
		if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(host)); err == nil && ok {
			return true
		}
	}
	return false
}
