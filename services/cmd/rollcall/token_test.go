package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// claimsOf returns what a token says, unchecked.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		t.Fatalf("token %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestTokenSaysWhatItIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\r\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	claims := claimsOf(t, mustRun(t, "token", "--user", "alice", "--role", "municipality_admin", "--secret-file", file,
		"--ttl", "1h", "--jti", "one", "--province", "GP", "--municipality", "JHB,TSH", "--ward", "79800001",
		"--jwt-ward-claim", "w", "--issuer", "us", "--audience", "rollcall,other"))
	if claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("from %v to %v", claims["iat"], claims["exp"])
	}
	delete(claims, "iat")
	delete(claims, "exp")
	want := map[string]any{
		"sub": "alice", "role_name": "municipality_admin", "jti": "one", "iss": "us",
		"aud": []any{"rollcall", "other"}, "province_code": []any{"GP"},
		"municipality_code": []any{"JHB", "TSH"}, "w": []any{"79800001"},
	}
	if !reflect.DeepEqual(claims, want) {
		t.Errorf("claims %v, want %v", claims, want)
	}
	first, second := claimsOf(t, token(t, "alice", "member")), claimsOf(t, token(t, "alice", "member"))
	if first["jti"] == "" || first["jti"] == second["jti"] {
		t.Errorf("ids of two tokens: %v and %v", first["jti"], second["jti"])
	}
}

// Whoever guesses a secret can act as anybody: no process starts with a weak one, or with
// public keys of an issuer that signs for others too.
func TestWeakSettingsOfTokensAreRefusedByName(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("hunter2\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	up := []string{"up", "--addr", "127.0.0.1:0", "--data", t.TempDir()}
	serve := []string{"serve", "gateway", "--addr", "127.0.0.1:0", "--nats", "nats://127.0.0.1:1"}
	for _, command := range [][]string{up, serve} {
		for _, tt := range []struct {
			flags []string
			want  string
		}{
			{[]string{"--jwt-secret", "hunter2"}, "jwt-secret must have at least 32 bytes, not 7"},
			{[]string{"--jwt-secret", strings.Repeat("s", 40)}, "jwt-secret must have at least 8 different"},
			{[]string{"--jwt-secret-file", short}, "jwt-secret-file: the secret in " + short + " must have at least 32"},
			{[]string{"--jwt-secret-file", "/nowhere/secret"}, "jwt-secret-file: read secret"},
			{[]string{"--jwt-secret", secret, "--jwt-secret-file", short}, "only one of jwt-secret, jwt-secret-file"},
			{[]string{"--jwt-jwks-file", short, "--jwt-audience", "rollcall"}, "jwt-issuer must be given"},
			{[]string{"--jwt-jwks-url", "https://keys.example/", "--jwt-issuer", "us"}, "jwt-audience must be given"},
			{[]string{"--jwt-secret", secret, "--jwt-max-lifetime=-1h"}, "jwt-max-lifetime must be at least"},
		} {
			_, err := runCommand(t, append(command, tt.flags...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s %v: %v", command[0], tt.flags, err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s %v: the error holds the secret", command[0], tt.flags)
			}
		}
	}
	for want, flags := range map[string][]string{
		"must have at least 32 bytes": {"--secret", "hunter2"},
		"give --secret-file or":       {},
		"give only one of":            {"--secret", secret, "--secret-file", short},
		"the secret in " + short:      {"--secret-file", short},
	} {
		out, err := runCommand(t, append([]string{"token", "--user", "alice"}, flags...)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("token %v: %q, %v", flags, out, err)
		}
	}
}
