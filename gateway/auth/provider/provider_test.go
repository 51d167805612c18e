package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// serve answers discovery with a document, in which BASE is the server's address.
func serve(t *testing.T, document map[string]any) (issuer string) {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(strings.ReplaceAll(string(text), "BASE", s.URL))) // the test fails without it
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func document(changes map[string]any) map[string]any {
	d := map[string]any{
		"issuer": "BASE", "authorization_endpoint": "BASE/authorize", "token_endpoint": "BASE/token",
		"jwks_uri": "BASE/keys", "response_types_supported": []string{"code"},
	}
	for name, value := range changes {
		d[name] = value
	}
	return d
}

func TestDiscoveryFindsKeysAndOrigins(t *testing.T) {
	issuer := serve(t, document(map[string]any{"token_endpoint": "https://tokens.example/token"}))
	p, err := Discover(t.Context(), Config{Issuer: issuer, ClientID: "console"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{issuer, "https://tokens.example"}; p.KeysURL != issuer+"/keys" || !slices.Equal(p.Origins, want) {
		t.Errorf("%+v, want keys of %s and %v", p, issuer, want)
	}
}

func TestBadProvidersAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"another issuer":      {map[string]any{"issuer": "https://other.example"}, "issuer"},
		"keys in the clear":   {map[string]any{"jwks_uri": "http://keys.example/"}, "jwks_uri"},
		"tokens in the clear": {map[string]any{"token_endpoint": "http://keys.example/"}, "token_endpoint"},
		"no keys":             {map[string]any{"jwks_uri": ""}, "jwks_uri"},
		"a host that ends the page's policy": {map[string]any{"token_endpoint": "https://a;script-src.example/"},
			"token_endpoint"},
		"a script as the way in": {map[string]any{"authorization_endpoint": "javascript:alert(1)"},
			"authorization_endpoint"},
	} {
		_, err := Discover(t.Context(), Config{Issuer: serve(t, document(c.changes)), ClientID: "console"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestBadSettingsOfAProviderAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no issuer":            {Config{ClientID: "console"}, "oidc-issuer"},
		"no client":            {Config{Issuer: "https://id.example"}, "oidc-client-id"},
		"in the clear":         {Config{Issuer: "http://id.example", ClientID: "console"}, "oidc-issuer"},
		"with a password":      {Config{Issuer: "https://a:b@id.example", ClientID: "console"}, "oidc-issuer"},
		"without the openid":   {Config{Issuer: "https://id.example", ClientID: "c", Scopes: []string{"email"}}, "openid"},
		"on the loopback":      {Config{Issuer: "http://127.0.0.1:9", ClientID: "c"}, ""},
		"on the loopback of 6": {Config{Issuer: "http://[::1]:9", ClientID: "c"}, ""},
	} {
		err := c.config.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestTheTokenAndItsAudienceFollowTheSettings(t *testing.T) {
	c := Config{Issuer: "https://id.example", ClientID: "console"}
	if s := c.SignIn(); s.Token != TokenID || s.DeviceClientID != "console" ||
		!slices.Equal(c.Audiences(), []string{"console"}) {
		t.Errorf("%+v %v", s, c.Audiences())
	}
	c.DeviceClientID = "cli"
	if !slices.Equal(c.Audiences(), []string{"console", "cli"}) {
		t.Errorf("with a client of the command line: %v", c.Audiences())
	}
	c.Audience = "rollcall"
	if s := c.SignIn(); s.Token != TokenAccess || !slices.Equal(c.Audiences(), []string{"rollcall"}) {
		t.Errorf("with an audience: %+v %v", s, c.Audiences())
	}
}
