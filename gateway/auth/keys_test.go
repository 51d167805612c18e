package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"rollcall.example/events/refusal"
)

func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

func jwks(t testing.TB, keys map[string]any) []byte {
	t.Helper()
	var list []map[string]string
	for kid, key := range keys {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			list = append(list, map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid,
				"n": b64(k.N), "e": b64(big.NewInt(int64(k.E)))})
		case *ecdsa.PrivateKey:
			point, err := k.PublicKey.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
				"x": base64.RawURLEncoding.EncodeToString(point[1:33]),
				"y": base64.RawURLEncoding.EncodeToString(point[33:])})
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
		var refused *refusal.Error
		if _, err := v.Verify(token); !errors.As(err, &refused) || Reason(refused) != ReasonInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPublicKeysFromAURLRotate(t *testing.T) {
	srv := newServer(t)
	v := verifier(t, Config{JWKSURL: srv.URL})
	old := sign(t, jwt.SigningMethodRS256, srv.key, "1", good())
	if _, err := v.Verify(old); err != nil {
		t.Fatal(err)
	}
	_, next := newKeys(t)
	srv.serves.Store(jwks(t, map[string]any{"2": next}))
	if _, err := v.Verify(sign(t, jwt.SigningMethodES256, next, "2", good())); err != nil {
		t.Fatalf("a new key is not fetched: %v", err)
	}
	if _, err := v.Verify(old); err == nil {
		t.Fatal("a withdrawn key is still good")
	}
}

func TestCloseStopsTheRefreshing(t *testing.T) {
	srv := newServer(t)
	before := goleak.IgnoreCurrent()
	v, err := New(context.Background(), Config{JWKSURL: srv.URL, Now: clock,
		Issuers: []string{"us"}, Audiences: []string{"rollcall"}})
	if err != nil {
		t.Fatal(err)
	}
	if goleak.Find(before) == nil {
		t.Error("nothing refreshes the keys")
	}
	v.Close()
	goleak.VerifyNone(t, before)
	// An unknown key after Close is refused, without another fetch.
	fetched := srv.fetched.Load()
	other, _ := newKeys(t)
	if _, err := v.Verify(sign(t, jwt.SigningMethodRS256, other, "x", good())); err == nil {
		t.Error("unknown key accepted")
	}
	if srv.fetched.Load() != fetched {
		t.Error("fetched after Close")
	}
}

func TestUnknownKeysDoNotFloodTheSource(t *testing.T) {
	srv := newServer(t)
	v := verifier(t, Config{JWKSURL: srv.URL})
	other, _ := newKeys(t)
	for i := range 50 {
		_, err := v.Verify(sign(t, jwt.SigningMethodRS256, other, fmt.Sprint("x", i), good()))
		if !errors.Is(err, jwt.ErrTokenUnverifiable) {
			t.Fatalf("err = %v", err)
		}
	}
	if n := srv.fetched.Load(); n > 3 {
		t.Errorf("fetched %d times", n)
	}
}

func TestKeysStayValidWhenTheSourceFails(t *testing.T) {
	srv := newServer(t)
	var log bytes.Buffer
	v := verifier(t, Config{JWKSURL: srv.URL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	srv.fails.Store(true)
	other, _ := newKeys(t)
	if _, err := v.Verify(sign(t, jwt.SigningMethodRS256, other, "2", good())); err == nil {
		t.Error("unknown key accepted")
	}
	if !strings.Contains(log.String(), "cannot refresh the keys of tokens") {
		t.Errorf("log = %q", &log)
	}
	if _, err := v.Verify(sign(t, jwt.SigningMethodRS256, srv.key, "1", good())); err != nil {
		t.Error(err)
	}
}

// server serves the keys of an issuer of tokens, first of all key with kid 1.
type server struct {
	*httptest.Server
	key     *rsa.PrivateKey
	serves  atomic.Value
	fails   atomic.Bool
	fetched atomic.Int64
}

func newServer(t testing.TB) *server {
	t.Helper()
	key, _ := newKeys(t)
	s := &server{key: key}
	s.serves.Store(jwks(t, map[string]any{"1": key}))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fetched.Add(1)
		if s.fails.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(s.serves.Load().([]byte))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestInvalidConfigsAreRefused(t *testing.T) {
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	down := newServer(t)
	down.fails.Store(true)
	empty := newServer(t)
	empty.serves.Store([]byte(`{"keys":[]}`))
	for name, cfg := range map[string]Config{
		"no key":          {},
		"two keys":        {Secret: secret, JWKSFile: "f"},
		"no file":         {JWKSFile: filepath.Join(t.TempDir(), "x")},
		"file is no JSON": {JWKSFile: write("a", "keys")},
		"no keys in file": {JWKSFile: write("b", `{"keys":[]}`)},
		"secret in file":  {JWKSFile: write("c", `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"1"}]}`)},
		"no keys at URL":  {JWKSURL: empty.URL},
		"URL fails":       {JWKSURL: down.URL},
		"no URL":          {JWKSURL: "keys"},
		"file URL":        {JWKSURL: "file:///etc/keys"},
		"password in URL": {JWKSURL: "https://me:hunter2@example.org/keys"},
		"negative leeway": {Secret: secret, Leeway: -1},
		"no lifetime":     {Secret: secret, MaxLifetime: -1},
		"empty type":      {Secret: secret, Types: []string{""}},
		"unreadable URL":  {JWKSURL: "https://me:hunter2@example.org:x/"},
	} {
		cfg.Issuers, cfg.Audiences = []string{"us"}, []string{"rollcall"}
		v, err := New(t.Context(), cfg)
		if err == nil {
			v.Close()
			t.Errorf("%s accepted", name)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error holds the password", name)
		}
	}
}
