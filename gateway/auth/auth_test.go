package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/auth/authtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, eventstest.IgnoreLeaks()...) }

const secret = authtest.Secret

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	cfg.Now = clock
	if cfg.Secret == "" && len(cfg.Issuers)+len(cfg.Audiences) == 0 {
		cfg.Issuers, cfg.Audiences = []string{"us"}, []string{"rollcall"}
	}
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
	c := jwt.MapClaims{"sub": "alice", "role_name": "member", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"iss": "us", "aud": "rollcall"}
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
	v := verifier(t, Config{Secret: secret})
	hs := func(f ...func(jwt.MapClaims)) string {
		return sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(f...))
	}
	for _, tt := range []struct {
		name, token, reason, id string
	}{
		{"good", hs(), "", "alice"},
		{"id instead of sub", hs(set("sub", nil), set("id", "bob")), "", "bob"},
		{"number as id", hs(set("sub", nil), set("id", 42)), "", "42"},
		{"number as sub", hs(set("sub", 42)), "", "42"},
		{"number beyond a float", hs(set("sub", json.Number("9007199254740993"))), "", "9007199254740993"},
		{"sub before id", hs(set("id", "bob")), "", "alice"},
		{"unknown role", hs(set("role_name", "unheard_of")), "", "alice"},
		{"number beyond 64 bits", hs(set("sub", json.Number("18446744073709551616"))), ReasonInvalid, ""},
		{"number with an exponent", hs(set("sub", json.Number("1e3"))), ReasonInvalid, ""},
		{"negative number", hs(set("sub", -1)), ReasonInvalid, ""},
		{"empty sub beside id", hs(set("sub", ""), set("id", "bob")), ReasonInvalid, ""},
		{"right to left mark in user", hs(set("sub", "a\u202eb")), ReasonInvalid, ""},
		{"role is a number", hs(set("role_name", 1)), ReasonInvalid, ""},
		{"line break in role", hs(set("role_name", "a\nb")), ReasonInvalid, ""},
		{"exp is text", hs(set("exp", "never")), ReasonInvalid, ""},
		{"expires now", hs(set("exp", now.Unix())), ReasonExpired, ""},
		{"expired, other secret", sign(t, jwt.SigningMethodHS256, []byte("other"), "", good(set("exp", 1))),
			ReasonInvalid, ""},
		{"too long", hs(set("x", strings.Repeat("a", maxToken))), ReasonInvalid, ""},
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
		{"HS512", sign(t, jwt.SigningMethodHS512, []byte(secret), "", good()), ReasonInvalid, ""},
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
			var refused *refusal.Error
			if !errors.As(err, &refused) || Reason(refused) != tt.reason || refused.Message == "" {
				t.Fatalf("err = %v, want %s", err, tt.reason)
			}
			if tt.token != "" && strings.Contains(err.Error(), tt.token) {
				t.Fatal("the error holds the token")
			}
		})
	}
}

func TestVerifyRS256AgainstASecret(t *testing.T) {
	rs, es := newKeys(t)
	v := verifier(t, Config{Secret: secret})
	for name, token := range map[string]string{
		"RS256": sign(t, jwt.SigningMethodRS256, rs, "r", good()),
		"ES256": sign(t, jwt.SigningMethodES256, es, "e", good()),
	} {
		if _, err := v.Verify(token); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsTellWhatIsWrong(t *testing.T) {
	v := verifier(t, Config{Secret: secret, Issuers: []string{"us"}, Audiences: []string{"rollcall"}, Leeway: time.Minute})
	for name, tt := range map[string]struct {
		change []func(jwt.MapClaims)
		want   error
	}{
		"good":           {nil, nil},
		"within leeway":  {[]func(jwt.MapClaims){set("exp", now.Add(-30*time.Second).Unix())}, nil},
		"beyond leeway":  {[]func(jwt.MapClaims){set("exp", now.Add(-90*time.Second).Unix())}, jwt.ErrTokenExpired},
		"no exp":         {[]func(jwt.MapClaims){set("exp", nil)}, jwt.ErrTokenRequiredClaimMissing},
		"not yet":        {[]func(jwt.MapClaims){set("nbf", now.Add(time.Hour).Unix())}, jwt.ErrTokenNotValidYet},
		"from tomorrow":  {[]func(jwt.MapClaims){set("iat", now.Add(time.Hour).Unix())}, jwt.ErrTokenUsedBeforeIssued},
		"other issuer":   {[]func(jwt.MapClaims){set("iss", "them")}, jwt.ErrTokenInvalidIssuer},
		"other audience": {[]func(jwt.MapClaims){set("aud", "them")}, jwt.ErrTokenInvalidAudience},
	} {
		claims := good(append([]func(jwt.MapClaims){set("iss", "us"), set("aud", "rollcall")}, tt.change...)...)
		_, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestMintRefusesWhatVerifyWould(t *testing.T) {
	for _, bad := range [][3]string{{"", "u", "member"},
		{secret, "", "member"}, {secret, "a\nb", "member"}, {secret, "u", ""}} {
		if _, err := Mint(bad[0], bad[1], bad[2], time.Hour, now); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
	if _, err := Mint(secret, "u", "member", 0, now); err == nil {
		t.Error("no lifetime accepted")
	}
}

func TestFromRequest(t *testing.T) {
	for header, want := range map[string]string{"Bearer x.y.z": "x.y.z", "bearer  x.y.z": "x.y.z", "": "",
		"Basic abc": "", "Bearer": "", "Bearer ": ""} {
		r := httptest.NewRequest(http.MethodGet, "/?token=from.the.url&access_token=a.b.c", nil)
		r.Header.Set("Authorization", header)
		token, err := TokenFromRequest(r)
		if token != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", header, token, err)
		}
	}
}

func TestFromRequestRefusesTwoHeaders(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Authorization"] = []string{"Bearer a.b.c", "Bearer d.e.f"}
	var refused *refusal.Error
	if _, err := TokenFromRequest(r); !errors.As(err, &refused) || Reason(refused) != ReasonInvalid {
		t.Fatalf("err = %v", err)
	}
}

func TestRequest(t *testing.T) {
	v := verifier(t, Config{Secret: secret})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var refused *refusal.Error
	if _, err := v.VerifyRequest(r); !errors.As(err, &refused) || Reason(refused) != ReasonMissing {
		t.Fatalf("err = %v", err)
	}
	token, err := Mint(secret, "alice", "member", time.Minute, now)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if c, err := v.VerifyRequest(r); err != nil || c.ID != "alice" || !c.Expires.Equal(now.Add(time.Minute)) {
		t.Fatalf("claims %+v, err %v", c, err)
	}
}

func FuzzVerify(f *testing.F) {
	v := verifier(f, Config{Secret: secret})
	token, err := Mint(secret, "alice", "member", time.Hour, now)
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
