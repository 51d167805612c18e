package provider

import (
	"encoding/json"
	"net/http"
)

// WaysPath is where Ways are served.
const WaysPath = "/signin"

// Ways are those in which somebody signs in here, beside a token of their own. The zero
// value has none.
type Ways struct {
	// Provider is the organisation's; nil is none.
	Provider *SignIn `json:"provider"`
	// Password is the one administrator of an installation without a provider; nil is none.
	Password *Password `json:"password"`
}

// Password says who signs in with a password.
type Password struct {
	User string `json:"user"`
	// Set is whether there is a password yet.
	Set bool `json:"set"`
}

// ServeHTTP answers with the ways in, which are no secret, as JSON.
func (s Ways) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(s) // the client may have gone; then nobody is left to tell
}
