package app

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"rollcall.example/gateway/auth/authtest"
)

func TestDefaultsCanBe(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://from.the.environment")
	c := DefaultUp()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.Upload.MaxFileSize != 50<<20 || c.Keep.Events != Age(730*24*time.Hour) || c.IEC.Quota != 10_000 {
		t.Errorf("%+v", c.Settings)
	}
	if c.Traces.Endpoint != "" {
		t.Errorf("the environment was read: %s", c.Traces.Endpoint)
	}
}

func TestOriginsThatCanBe(t *testing.T) {
	for _, pattern := range []string{
		"app.example.org", "*.example.org", "https://*.example.org", "http*://app.example.org:8443", "localhost:5173",
		"*", "*://*", "127.0.0.1:*", "HTTPS://APP.example.org", `\[::1\]:3000`, "app[12].example.org",
	} {
		if err := checkOrigins([]string{pattern}); err != nil {
			t.Error(err)
		}
	}
}

// Each setting that cannot be is named as its flag is, and all of them at once.
func TestSettingsAreRefusedByName(t *testing.T) {
	cases := []struct {
		want   string
		change func(*UpConfig)
	}{
		{"data must name a folder", func(c *UpConfig) { c.Data = "" }},
		{"only one of jwt-secret, jwt-secret-file, jwt-jwks-file and jwt-jwks-url",
			func(c *UpConfig) { c.Tokens.Secret, c.Tokens.SecretFile = authtest.Secret, "f" }},
		{"jwt-secret must have at least 32 bytes, not 6; make one with: openssl rand -hex 32",
			func(c *UpConfig) { c.Tokens.Secret = "secret" }},
		{"jwt-types must name at least one type", func(c *UpConfig) { c.Tokens.Types = nil }},
		{"jwt-issuer must be given with jwt-jwks-file or jwt-jwks-url",
			func(c *UpConfig) { c.Tokens.JWKSFile, c.Tokens.Audience = "f", []string{"rollcall"} }},
		{"jwt-audience must be given with jwt-jwks-file or jwt-jwks-url", func(c *UpConfig) {
			c.Tokens.JWKSURL, c.Tokens.Issuer, c.Tokens.Audience = "https://keys.example", []string{"us"}, nil
		}},
		{"jwt-issuer must not be empty", func(c *UpConfig) { c.Tokens.Issuer = []string{""} }},
		{"jwt-max-lifetime must be at least 0s, not -1ns", func(c *UpConfig) { c.Tokens.MaxLifetime = -1 }},
		{"jwt-user-claim must name at least one claim", func(c *UpConfig) { c.Tokens.Claims.UserClaim = nil }},
		{"jwt-role-claim must name a claim of its own, not exp",
			func(c *UpConfig) { c.Tokens.Claims.RoleClaim = []string{"exp"} }},
		{`role-map: role "chief" is to be "king", which is no role here`,
			func(c *UpConfig) { c.RoleMap = []string{"CHIEF=king"} }},
		{"role-map: open no-such-file", func(c *UpConfig) { c.RoleMap = []string{"no-such-file"} }},
		{"jwt-province-claim must name a claim", func(c *UpConfig) { c.Tokens.Places.ProvinceClaim = "" }},
		{"jwt-municipality-claim must name a claim of its own, not sub",
			func(c *UpConfig) { c.Tokens.Places.MunicipalityClaim = "sub" }},
		{"jwt-ward-claim must name a claim of its own, not municipality_code",
			func(c *UpConfig) { c.Tokens.Places.WardClaim = c.Tokens.Places.MunicipalityClaim }},
		{`origins: "https://app.example.org/" must be a host and maybe a port, without a path`,
			func(c *UpConfig) { c.Gateway.Origins = []string{"app.example.org", "https://app.example.org/"} }},
		{`origins: "ftp://app.example.org" must begin with http:// or https://`,
			func(c *UpConfig) { c.Gateway.Origins = []string{"ftp://app.example.org"} }},
		{`origins: "app[.example.org" must close each [`,
			func(c *UpConfig) { c.Gateway.Origins = []string{"app[.example.org"} }},
		{`origins: "" must name a host`, func(c *UpConfig) { c.Gateway.Origins = []string{""} }},
		{`origins: "https://" must name a host`, func(c *UpConfig) { c.Gateway.Origins = []string{"https://"} }},
		{"max-file-size must be at least 1, not 0", func(c *UpConfig) { c.Upload.MaxFileSize = 0 }},
		{"user-uploads must be at least 1, not 0", func(c *UpConfig) { c.Upload.UserUploads = 0 }},
		{"user-jobs must be at least 1, not -1", func(c *UpConfig) { c.Upload.UserJobs = -1 }},
		{"user-transfers must be at least 1, not 0", func(c *UpConfig) { c.Upload.UserTransfers = 0 }},
		{"max-connections must be at least 1, not 0", func(c *UpConfig) { c.Gateway.MaxConnections = 0 }},
		{"user-connections must be at least 1, not 0", func(c *UpConfig) { c.Gateway.UserConnections = 0 }},
		{"iec-quota must be at least 1, not 0", func(c *UpConfig) { c.IEC.Quota = 0 }},
		{"user-iec-calls must be at least 0, not -1", func(c *UpConfig) { c.UserIECCalls = -1 }},
		{"iec-concurrency must be at least 1, not -3", func(c *UpConfig) { c.IEC.Concurrency = -3 }},
		{"iec-timeout must be at least 1ms, not 0s", func(c *UpConfig) { c.IEC.Timeout = 0 }},
		{"iec-keep must be at least 1s, not 0s", func(c *UpConfig) { c.IEC.Keep = 0 }},
		{"iec-keep must be at most 72h0m0s, not 73h0m0s", func(c *UpConfig) { c.IEC.Keep = 73 * time.Hour }},
		{"iec-keep-not-registered must be at most 72h0m0s, not 1000h0m0s",
			func(c *UpConfig) { c.IEC.KeepNotRegistered = 1000 * time.Hour }},
		{"ward-target must be at least 1, not 0", func(c *UpConfig) { c.WardTarget = 0 }},
		{"keep-uploads must be at least 0s, not -1ns", func(c *UpConfig) { c.Keep.Uploads = -1 }},
		{"archive-after must be at least 24h0m0s, not 1h0m0s", func(c *UpConfig) { c.ArchiveAfter = Age(time.Hour) }},
		{"workers must be at least 1, not 0", func(c *UpConfig) { c.Workers = 0 }},
		{"replicas must be at least 1, not 0", func(c *UpConfig) { c.Provision.Replicas = 0 }},
		{"tls-cert and tls-key must be given together or not at all", func(c *UpConfig) { c.TLS.Cert = "x" }},
		{"nats-cert and nats-key must be given together or not at all", func(c *UpConfig) { c.NATS.Key = "x" }},
	}
	var all UpConfig
	var texts []string
	for _, tt := range cases {
		c := DefaultUp()
		tt.change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), tt.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, tt.want)
		}
		tt.change(&all)
		texts = append(texts, tt.want)
	}
	err := all.Validate()
	for _, text := range texts {
		name, _, _ := strings.Cut(text, " ")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
}

// The names in refusals are those of flags.
func TestRefusalsNameFlags(t *testing.T) {
	var c UpConfig
	k, err := kong.New(&c, Vars)
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	for _, f := range k.Model.Flags {
		flags[f.Name] = true
	}
	if err := c.Validate(); err == nil {
		t.Error("nothing at all can be")
	} else {
		for line := range strings.Lines(err.Error()) {
			if name, _, _ := strings.Cut(line, " "); !flags[name] {
				t.Errorf("no flag is called %s: %s", name, line)
			}
		}
	}
}
