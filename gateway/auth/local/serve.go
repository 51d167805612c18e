package local

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/netip"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/events/security"
	"rollcall.example/gateway/auth/provider"
)

// maxBody is how many bytes a request may have.
const maxBody = 4 << 10

// Face serves the administrator over HTTP.
type Face struct {
	*Admin
	// Proxies are those whose X-Forwarded-For is believed; nil means none.
	Proxies []netip.Prefix
	// Watch hears of refusals; nil means that nobody watches.
	Watch *security.Watch
}

// Mount serves the two ways in below provider.WaysPath. No page of another site can use
// them.
func (f Face) Mount(mux *http.ServeMux) {
	guard := http.NewCrossOriginProtection()
	for path, do := range map[string]func(address string, in request) (string, error){
		"/password": func(address string, in request) (string, error) { return f.SignIn(address, in.Password) },
		"/setup": func(address string, in request) (string, error) {
			return f.SetPassword(address, in.Code, in.Password)
		},
	} {
		pattern := "POST " + provider.WaysPath + path
		mux.Handle(pattern, guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.answer(w, r, pattern, do)
		})))
	}
}

type request struct {
	Code     string `json:"code"`
	Password string `json:"password"`
}

func (f Face) answer(
	w http.ResponseWriter, r *http.Request, pattern string, do func(string, request) (string, error),
) {
	var in request
	address := security.ClientAddress(r, f.Proxies)
	// A form of another site cannot have this type.
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	if err != nil || kind != "application/json" || body.Decode(&in) != nil {
		f.refuse(w, r, pattern, address, refusal.New(refusal.CodeBadRequest, "The body must be JSON."))
		return
	}
	token, err := do(address, in)
	if err != nil {
		f.refuse(w, r, pattern, address, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have gone; then nobody is left to tell
		"success": true, "message": "You are signed in.", "data": map[string]string{"token": token},
		"timestamp": f.cfg.Now().UTC().Format(time.RFC3339Nano),
	})
}

func (f Face) refuse(w http.ResponseWriter, r *http.Request, pattern, address string, err error) {
	refused := refusal.From(err)
	f.Watch.Refused(r.Context(), security.Refusal{Face: security.FaceREST, Kind: security.KindOf(refused),
		Code: refused.Code, Route: pattern, Address: address})
	_ = refused.Write(w, f.cfg.Now()) // as above
}
