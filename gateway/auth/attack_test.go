package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events/refusal"
)

// signed makes a token with any header that an attacker wants.
func signed(t *testing.T, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestForgedTokensAreRefused(t *testing.T) {
	srv := newServer(t)
	var asked atomic.Int64
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(theirs.Close)
	mine, myEC := newKeys(t) // the attacker's
	der, err := x509.MarshalPKIXPublicKey(&srv.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	my := jwks(t, map[string]any{"1": mine})
	var mySet struct{ Keys []map[string]any }
	if err := json.Unmarshal(my, &mySet); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"}, good()), ".")
	unsigned := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + "."
	}
	kid := func(kid any) string {
		return signed(t, jwt.SigningMethodRS256, mine, map[string]any{"kid": kid}, good())
	}
	withSecret := verifier(t, Config{Secret: secret})
	keys := verifier(t, Config{JWKSURL: srv.URL})
	for name, token := range map[string]string{
		"none":                       unsigned(`{"alg":"none","kid":"1"}`),
		"None":                       unsigned(`{"alg":"None","kid":"1"}`),
		"nOnE with a signature":      unsigned(`{"alg":"nOnE","kid":"1"}`) + parts[2],
		"no algorithm":               unsigned(`{"kid":"1"}`) + parts[2],
		"algorithm is a list":        unsigned(`{"alg":["RS256"],"kid":"1"}`) + parts[2],
		"algorithm twice":            unsigned(`{"alg":"RS256","alg":"none","kid":"1"}`),
		"no signature":               parts[0] + "." + parts[1] + ".",
		"two parts":                  parts[0] + "." + parts[1],
		"five parts, as encrypted":   strings.Join(append(parts, "a", "b"), "."),
		"public key as HS256 secret": signed(t, jwt.SigningMethodHS256, public, map[string]any{"kid": "1"}, good()),
		"its DER as HS256 secret":    signed(t, jwt.SigningMethodHS256, der, map[string]any{"kid": "1"}, good()),
		"modulus as HS256 secret": signed(t, jwt.SigningMethodHS256, srv.key.N.Bytes(),
			map[string]any{"kid": "1"}, good()),
		"empty secret": signed(t, jwt.SigningMethodHS256, []byte{}, nil, good()),
		"PS256 by the right key": signed(t, jwt.SigningMethodPS256, srv.key, map[string]any{"kid": "1"},
			good()),
		"another key":         signed(t, jwt.SigningMethodRS256, mine, map[string]any{"kid": "1"}, good()),
		"key of another kind": signed(t, jwt.SigningMethodES256, myEC, map[string]any{"kid": "1"}, good()),
		"key in the header": signed(t, jwt.SigningMethodRS256, mine,
			map[string]any{"kid": "1", "jwk": mySet.Keys[0]}, good()),
		"keys at an address": signed(t, jwt.SigningMethodRS256, mine,
			map[string]any{"kid": "1", "jku": theirs.URL}, good()),
		"certificate at an address": signed(t, jwt.SigningMethodRS256, mine,
			map[string]any{"kid": "1", "x5u": theirs.URL}, good()),
		"critical extension": signed(t, jwt.SigningMethodRS256, srv.key,
			map[string]any{"kid": "1", "crit": []string{"exp"}}, good()),
		"critical extension, HS256": signed(t, jwt.SigningMethodHS256, []byte(secret),
			map[string]any{"crit": []string{"b64"}, "b64": false}, good()),
		"kid is a path":     kid("../../../../dev/null"),
		"kid is a query":    kid("1' UNION SELECT 's' --"),
		"kid is an address": kid(theirs.URL),
		"kid is a command":  kid("1|/usr/bin/id"),
		"kid is a number":   kid(1),
		"kid is a list":     kid([]string{"1"}),
		"kid is nothing":    kid(nil),
		"kid of 10 KB":      kid(strings.Repeat("1", 10<<10)),
		"kid with a NUL":    kid("1\x00"),
		"no expiry": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("exp", nil))),
		"expired": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("exp", now.Unix()-1))),
		"expiry beyond all numbers": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("exp", json.Number("1e999")))),
		"expiry below zero": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("exp", -1))),
		"not yet": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("nbf", now.Unix()+60))),
		"issued in the future": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("iat", now.Unix()+60))),
		"a megabyte": signed(t, jwt.SigningMethodRS256, srv.key, map[string]any{"kid": "1"},
			good(set("x", strings.Repeat("a", 1<<20)))),
		"a megabyte of dots": strings.Repeat(".", 1<<20),
		"claims nested 4,000 times": parts[0] + "." +
			base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 4000)+strings.Repeat("]", 4000))) + "." +
			parts[2],
		"claims of another, signature's": parts[0] + "." +
			base64.RawURLEncoding.EncodeToString([]byte(
				`{"sub":"eve","role_name":"super_admin","exp":99999999999}`)) + "." + parts[2],
		"padding":            strings.Join(parts, "=.") + "=",
		"a line break in it": parts[0] + "\r\n." + parts[1] + "." + parts[2],
	} {
		t.Run(name, func(t *testing.T) {
			for of, v := range map[string]*Verifier{"secret": withSecret, "JWKS": keys} {
				var refused *refusal.Error
				_, err := v.Verify(token)
				if !errors.As(err, &refused) || refused.Message == "" {
					t.Fatalf("%s: %v", of, err)
				}
				for _, part := range append(strings.Split(token, "."), token) {
					if len(part) > 8 && strings.Contains(err.Error(), part) {
						t.Errorf("%s: the error holds some of the token", of)
					}
				}
			}
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("an attacker's server was asked %d times", n)
	}
	if _, err := keys.Verify(strings.Join(parts, ".")); err != nil {
		t.Errorf("the true token: %v", err)
	}
}

// rotation is a source of keys without a network, in a test with its own clock.
type rotation struct {
	mu    sync.Mutex
	serve []byte // nil: the host is down
	times []time.Time
}

func (r *rotation) RoundTrip(*http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, time.Now())
	if r.serve == nil {
		return nil, errors.New("host is down")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(r.serve)))}, nil
}

func (r *rotation) set(serve []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serve = serve
}

// A new key is fetched when a token names it, but at most every 10 s. A withdrawn key is
// refused within an hour, and at once when newer keys were fetched. While the host is
// down the known keys stay valid.
func TestKeysRotateWithinTheStatedTimes(t *testing.T) {
	old, second := newKeys(t)
	third, _ := newKeys(t)
	synctest.Test(t, func(t *testing.T) {
		host := &rotation{serve: jwks(t, map[string]any{"old": old})}
		v, err := New(t.Context(), Config{JWKSURL: "https://keys.example/jwks", Logger: slog.New(slog.DiscardHandler),
			Issuers: []string{"us"}, Audiences: []string{"rollcall"}, transport: host})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		token := func(method jwt.SigningMethod, key any, kid string) string {
			return sign(t, method, key, kid, good(set("exp", time.Now().Add(time.Hour).Unix()),
				set("iat", time.Now().Unix())))
		}
		verify := func(token string, want bool) {
			t.Helper()
			if _, err := v.Verify(token); (err == nil) != want {
				t.Fatalf("after %d fetches: %v", len(host.times), err)
			}
		}
		verify(token(jwt.SigningMethodRS256, old, "old"), true)

		// The old key is withdrawn, and no token names the new one.
		host.set(jwks(t, map[string]any{"new": second}))
		time.Sleep(refreshInterval + time.Second)
		verify(token(jwt.SigningMethodRS256, old, "old"), false)
		verify(token(jwt.SigningMethodES256, second, "new"), true)

		// A flood of tokens that name unknown keys.
		before := len(host.times)
		begun := time.Now()
		for i := 0; time.Since(begun) < time.Minute; i++ {
			verify(token(jwt.SigningMethodRS256, third, fmt.Sprint("x", i)), false)
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(host.times) - before; n > 8 || n < 1 {
			t.Errorf("%d fetches in a minute", n)
		}
		for i := before + 1; i < len(host.times); i++ {
			if apart := host.times[i].Sub(host.times[i-1]); apart < unknownInterval {
				t.Errorf("two fetches within %s", apart)
			}
		}

		// While the host is down no new key is accepted and no known one refused.
		host.set(nil)
		time.Sleep(refreshInterval + time.Second)
		verify(token(jwt.SigningMethodES256, second, "new"), true)
		verify(token(jwt.SigningMethodRS256, third, "third"), false)
		host.set(jwks(t, map[string]any{"third": third}))
		time.Sleep(unknownInterval)
		verify(token(jwt.SigningMethodRS256, third, "third"), true)
		verify(token(jwt.SigningMethodES256, second, "new"), false)
	})
}
