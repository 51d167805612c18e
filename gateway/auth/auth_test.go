package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	cfg.Now = clock
	v, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func sign(t testing.TB, method jwt.SigningMethod, key any, kid string, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func good(change ...func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "alice", "role_name": "member", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix()}
	for _, f := range change {
		f(c)
	}
	return c
}

func set(name string, value any) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) {
		if value == nil {
			delete(c, name)
			return
		}
		c[name] = value
	}
}

func TestVerify(t *testing.T) {
	v := verifier(t, Config{Secret: "s"})
	hs := func(f ...func(jwt.MapClaims)) string {
		return sign(t, jwt.SigningMethodHS256, []byte("s"), "", good(f...))
	}
	for _, tt := range []struct {
		name, token, reason, id string
	}{
		{"good", hs(), "", "alice"},
		{"id instead of sub", hs(set("sub", nil), set("id", "bob")), "", "bob"},
		{"number as id", hs(set("sub", nil), set("id", 42)), "", "42"},
		{"no token", "", ReasonMissing, ""},
		{"expired", hs(set("exp", now.Add(-time.Second).Unix())), ReasonExpired, ""},
		{"no exp", hs(set("exp", nil)), ReasonInvalid, ""},
		{"not yet", hs(set("nbf", now.Add(time.Minute).Unix())), ReasonInvalid, ""},
		{"issued in the future", hs(set("iat", now.Add(time.Minute).Unix())), ReasonInvalid, ""},
		{"no user", hs(set("sub", nil)), ReasonInvalid, ""},
		{"empty user", hs(set("sub", "")), ReasonInvalid, ""},
		{"line break in user", hs(set("sub", "a\r\nb")), ReasonInvalid, ""},
		{"long user", hs(set("sub", strings.Repeat("a", 129))), ReasonInvalid, ""},
		{"user is a list", hs(set("sub", []string{"a"})), ReasonInvalid, ""},
		{"fraction as id", hs(set("sub", 1.5)), ReasonInvalid, ""},
		{"no role", hs(set("role_name", nil)), ReasonInvalid, ""},
		{"other secret", sign(t, jwt.SigningMethodHS256, []byte("other"), "", good()), ReasonInvalid, ""},
		{"HS512", sign(t, jwt.SigningMethodHS512, []byte("s"), "", good()), ReasonInvalid, ""},
		{"none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", good()), ReasonInvalid, ""},
		{"garbage", "a.b.c", ReasonInvalid, ""},
		{"changed", hs() + "x", ReasonInvalid, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			claims, err := v.Verify(tt.token)
			if tt.reason == "" {
				if err != nil || claims.ID != tt.id || !claims.Expires.Equal(now.Add(time.Hour)) {
					t.Fatalf("claims %+v, err %v", claims, err)
				}
				return
			}
			var refused *Error
			if !errors.As(err, &refused) || refused.Reason != tt.reason || refused.Message == "" {
				t.Fatalf("err = %v, want %s", err, tt.reason)
			}
			if tt.token != "" && strings.Contains(err.Error(), tt.token) {
				t.Fatal("the error holds the token")
			}
		})
	}
}

func TestAdmins(t *testing.T) {
	v := verifier(t, Config{Secret: "s"})
	for role, admin := range map[string]bool{"super_admin": true, "national_admin": true, "province_admin": false,
		"municipality_admin": false, "member": false, "Super_Admin": false, "unheard_of": false} {
		token, err := Mint("s", "u", role, time.Minute, now)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := v.Verify(token); err != nil || c.Admin() != admin || c.Role != role {
			t.Errorf("%s: %+v, %v", role, c, err)
		}
	}
}

func TestMintRefusesWhatVerifyWould(t *testing.T) {
	for _, bad := range [][3]string{{"", "u", "member"}, {"s", "", "member"}, {"s", "a\nb", "member"}, {"s", "u", ""}} {
		if _, err := Mint(bad[0], bad[1], bad[2], time.Hour, now); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
	if _, err := Mint("s", "u", "member", 0, now); err == nil {
		t.Error("no lifetime accepted")
	}
}

func TestFromRequest(t *testing.T) {
	for header, want := range map[string]string{"Bearer x.y.z": "x.y.z", "bearer  x.y.z": "x.y.z", "": "", "Basic abc": "", "Bearer": "", "Bearer ": ""} {
		r := httptest.NewRequest(http.MethodGet, "/?token=from.the.url&access_token=a.b.c", nil)
		r.Header.Set("Authorization", header)
		token, err := FromRequest(r)
		if token != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", header, token, err)
		}
	}
}

func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

func jwks(t testing.TB, keys map[string]any) []byte {
	t.Helper()
	var list []map[string]string
	for kid, key := range keys {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			list = append(list, map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": b64(k.N), "e": b64(big.NewInt(int64(k.E)))})
		case *ecdsa.PrivateKey:
			point, err := k.PublicKey.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
				"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])})
		}
	}
	raw, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func newKeys(t testing.TB) (*rsa.PrivateKey, *ecdsa.PrivateKey) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r, e
}

func TestPublicKeysFromAFile(t *testing.T) {
	rs, es := newKeys(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, jwks(t, map[string]any{"r": rs, "e": es}), 0o600); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, Config{JWKSFile: file})
	for name, token := range map[string]string{
		"RS256": sign(t, jwt.SigningMethodRS256, rs, "r", good()),
		"ES256": sign(t, jwt.SigningMethodES256, es, "e", good()),
	} {
		if c, err := v.Verify(token); err != nil || c.ID != "alice" {
			t.Errorf("%s: %v", name, err)
		}
	}
	der, err := x509.MarshalPKIXPublicKey(&rs.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	other, _ := newKeys(t)
	for name, token := range map[string]string{
		"public key as HS256 secret": sign(t, jwt.SigningMethodHS256, public, "r", good()),
		"der as HS256 secret":        sign(t, jwt.SigningMethodHS256, der, "r", good()),
		"another RSA key":            sign(t, jwt.SigningMethodRS256, other, "r", good()),
		"unknown kid":                sign(t, jwt.SigningMethodRS256, rs, "x", good()),
		"RS512":                      sign(t, jwt.SigningMethodRS512, rs, "r", good()),
		"none":                       sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "r", good()),
	} {
		var refused *Error
		if _, err := v.Verify(token); !errors.As(err, &refused) || refused.Reason != ReasonInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPublicKeysFromAURLRotate(t *testing.T) {
	first, _ := newKeys(t)
	second, _ := newKeys(t)
	var served atomic.Value
	served.Store(jwks(t, map[string]any{"1": first}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(served.Load().([]byte))
	}))
	defer srv.Close()
	v := verifier(t, Config{JWKSURL: srv.URL})
	if _, err := v.Verify(sign(t, jwt.SigningMethodRS256, first, "1", good())); err != nil {
		t.Fatal(err)
	}
	served.Store(jwks(t, map[string]any{"2": second}))
	if _, err := v.Verify(sign(t, jwt.SigningMethodRS256, second, "2", good())); err != nil {
		t.Fatalf("a new key is not fetched: %v", err)
	}
	if _, err := v.Verify(sign(t, jwt.SigningMethodRS256, first, "1", good())); err == nil {
		t.Fatal("a withdrawn key is still good")
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestOneSourceOfKeys(t *testing.T) {
	for name, cfg := range map[string]Config{
		"none": {}, "two": {Secret: "s", JWKSFile: "f"}, "no file": {JWKSFile: filepath.Join(t.TempDir(), "x")},
	} {
		if _, err := New(t.Context(), cfg); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	v := verifier(f, Config{Secret: "s"})
	token, err := Mint("s", "alice", "member", time.Hour, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		// Base64 has several texts for the same signature, so the text may differ.
		if c, err := v.Verify(text); err == nil && c.ID != "alice" {
			t.Fatalf("%q is good for %+v", text, c)
		}
	})
}
