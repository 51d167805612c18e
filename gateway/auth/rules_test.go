package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestKeySetNeedsIssuersAndAudiences(t *testing.T) {
	rs, _ := newKeys(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, jwks(t, map[string]any{"r": rs}), 0o600); err != nil {
		t.Fatal(err)
	}
	us, rollcall := []string{"us"}, []string{"rollcall"}
	for want, cfg := range map[string]Config{
		"issuers":                                {JWKSFile: file, Audiences: rollcall},
		"audiences":                              {JWKSFile: file, Issuers: us},
		"a JWKS needs the issuers":               {JWKSURL: "https://keys.example/jwks"},
		"an issuer, audience, type or claim is ": {JWKSFile: file, Issuers: []string{""}, Audiences: rollcall},
	} {
		if v, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, v, err)
		}
	}
}

// Keys of an issuer sign tokens for other programs, and keys may be shared by issuers.
func TestTokensOfOthersAreRefused(t *testing.T) {
	v := verifier(t, Config{Secret: secret, Issuers: []string{"us", "them"}, Audiences: []string{"rollcall", "roll"}})
	for name, tt := range map[string]struct {
		iss, aud any
		good     bool
	}{
		"first of each":                {"us", "rollcall", true},
		"second of each":               {"them", "roll", true},
		"one audience of several":      {"us", []string{"mail", "roll"}, true},
		"another issuer":               {"Us", "rollcall", false},
		"no issuer":                    {nil, "rollcall", false},
		"issuer is a list":             {[]string{"us"}, "rollcall", false},
		"another audience":             {"us", "mail", false},
		"no audience":                  {"us", nil, false},
		"empty audience":               {"us", "", false},
		"audience that begins as ours": {"us", "rollcall.example", false},
	} {
		_, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(set("iss", tt.iss), set("aud", tt.aud))))
		if (err == nil) != tt.good || (err != nil && Reason(err) != ReasonInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTypesOfTokens(t *testing.T) {
	byDefault := verifier(t, Config{Secret: secret})
	strict := verifier(t, Config{Secret: secret, Types: []string{"application/AT+JWT"}})
	const no = "no header"
	for typ, want := range map[any]struct{ byDefault, strict bool }{
		"JWT":                {true, false},
		"jwt":                {true, false},
		"application/jwt":    {true, false},
		"at+jwt":             {true, true},
		"AT+JWT":             {true, true},
		"Application/At+Jwt": {true, true},
		no:                   {true, false},
		"absent":             {false, false},
		"":                   {false, false},
		"id+jwt":             {false, false},
		"logout+jwt":         {false, false},
		"dpop+jwt":           {false, false},
		"JWTx":               {false, false},
		1:                    {false, false},
		true:                 {false, false},
	} {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, good())
		if token.Header["typ"] = typ; typ == no {
			delete(token.Header, "typ")
		}
		text, err := token.SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		for v, want := range map[*Verifier]bool{byDefault: want.byDefault, strict: want.strict} {
			if _, err := v.Verify(text); (err == nil) != want || (err != nil && Reason(err) != ReasonInvalid) {
				t.Errorf("%v: %v", typ, err)
			}
		}
	}
	list := signed(t, jwt.SigningMethodHS256, []byte(secret), map[string]any{"typ": []string{"JWT"}}, good())
	if _, err := byDefault.Verify(list); !errors.Is(err, errType) {
		t.Errorf("list: %v", err)
	}
}

func TestLongestLifetime(t *testing.T) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, tt := range map[string]struct {
		most     time.Duration
		iat, exp any
		good     bool
	}{
		"as long as it may":             {24 * time.Hour, at(0), at(24 * time.Hour), true},
		"a second longer":               {24 * time.Hour, at(0), at(24*time.Hour + time.Second), false},
		"nearly over, but long":         {24 * time.Hour, at(-100 * 24 * time.Hour), at(time.Minute), false},
		"without iat, a short rest":     {24 * time.Hour, nil, at(24 * time.Hour), true},
		"without iat, a long rest":      {24 * time.Hour, nil, at(25 * time.Hour), false},
		"without limit":                 {0, at(0), at(10000 * time.Hour), true},
		"iat 0, as if it had none":      {24 * time.Hour, 0, at(time.Minute), false},
		"longer than a Duration":        {24 * time.Hour, at(0), int64(1) << 40, false},
		"without iat, beyond all times": {24 * time.Hour, nil, int64(1) << 60, false},
	} {
		v := verifier(t, Config{Secret: secret, MaxLifetime: tt.most})
		_, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(set("iat", tt.iat), set("exp", tt.exp))))
		if (err == nil) != tt.good || (err != nil && Reason(err) != ReasonInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeakSecretsAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		secret string
		good   bool
	}{
		"short":               {"a secret", false},
		"31 bytes":            {"0123456789abcdef0123456789abcde", false},
		"32 bytes":            {"0123456789abcdef0123456789abcdef", true},
		"30 bytes of letters": {strings.Repeat("\u00e9", 15), false},
		"one character":       {strings.Repeat("s", 64), false},
		"seven":               {strings.Repeat("abcdefg", 10), false},
		"spaces":              {strings.Repeat(" ", 32), false},
	} {
		v, err := New(t.Context(), Config{Secret: tt.secret})
		if (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			v.Close()
		} else if !strings.Contains(err.Error(), "openssl rand -hex 32") || strings.Contains(err.Error(), tt.secret) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Mint(tt.secret, "alice", "member", time.Hour, now); (err == nil) != tt.good {
			t.Errorf("%s signs: %v", name, err)
		}
	}
}
