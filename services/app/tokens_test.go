package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/authtest"
)

func TestSecretComesFromAFile(t *testing.T) {
	for text, want := range map[string]string{
		authtest.Secret:                 authtest.Secret,
		authtest.Secret + "\n":          authtest.Secret,
		authtest.Secret + "\r\n":        authtest.Secret,
		" " + authtest.Secret + "\n":    " " + authtest.Secret,
		authtest.Secret[:20] + "\n\n\n": "",
		"":                              "",
		strings.Repeat("\n", 40):        "",
	} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
		s := TokenSettings{SecretFile: file}
		err := s.ReadFile(nil)
		if s.Secret != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, s.Secret, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "jwt-secret-file: ") || !strings.Contains(err.Error(), "openssl")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretThatOthersCanReadIsToldOf(t *testing.T) {
	for mode, warns := range map[os.FileMode]bool{0o400: false, 0o640: false, 0o644: true, 0o404: true} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(authtest.Secret), mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := TokenSettings{SecretFile: file}
		if err := s.ReadFile(slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), file) != warns || strings.Contains(log.String(), authtest.Secret) {
			t.Errorf("%v: %s", mode, &log)
		}
	}
}

// The tokens that up and demo hand out are accepted, whatever the settings ask of tokens.
func TestSignedTokensMeetTheSettings(t *testing.T) {
	cfg := DefaultUp()
	cfg.Tokens.Secret, cfg.Tokens.MaxLifetime = authtest.Secret, time.Hour
	cfg.Tokens.Issuer, cfg.Tokens.Audience = []string{"us", "them"}, []string{"rollcall"}
	a := newApp(NewInfrastructure(Secrets{}, nil), cfg.Settings, Process{})
	v, err := auth.New(t.Context(), a.settings.Tokens.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	token, err := a.SignToken("you", "national_admin", 12*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Verify(token)
	if err != nil || c.ID != "you" || c.Expires.Sub(c.IssuedAt) != time.Hour {
		t.Fatalf("%+v, %v", c, err)
	}
	other, err := auth.Mint(authtest.Secret, "you", "national_admin", time.Minute, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := v.Verify(other); err == nil {
		t.Errorf("a token without issuer: %+v", c)
	}
}

func TestSettingsOfAProviderThatContradictAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*UpConfig)
		want   string
	}{
		"two are enough":   {func(*UpConfig) {}, ""},
		"a secret":         {func(c *UpConfig) { c.Tokens.Secret = authtest.Secret }, "jwt-secret"},
		"keys":             {func(c *UpConfig) { c.Tokens.JWKSURL = "https://id.example/keys" }, "jwt-jwks-url"},
		"another issuer":   {func(c *UpConfig) { c.Tokens.Issuer = []string{"https://other.example"} }, "jwt-issuer"},
		"no client":        {func(c *UpConfig) { c.OIDC.ClientID = "" }, "oidc-client-id"},
		"no issuer":        {func(c *UpConfig) { c.OIDC.Issuer = "" }, "oidc-issuer"},
		"in the clear":     {func(c *UpConfig) { c.OIDC.Issuer = "http://id.example" }, "https"},
		"without openid":   {func(c *UpConfig) { c.OIDC.Scopes = []string{"email"} }, "oidc-scopes"},
		"another audience": {func(c *UpConfig) { c.Tokens.Audience = []string{"script"} }, ""},
	} {
		cfg := DefaultUp()
		cfg.OIDC.Issuer, cfg.OIDC.ClientID = "https://id.example", "console"
		c.change(&cfg)
		err := cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}
