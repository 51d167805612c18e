package auth

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

func TestPlacesAreTextNumbersOrLists(t *testing.T) {
	v := verifier(t, Config{Secret: secret})
	for name, tt := range map[string]struct {
		claim any
		want  []string
		bad   bool
	}{
		"text":                      {"GP", []string{"GP"}, false},
		"number":                    {79800001, []string{"79800001"}, false},
		"number beyond a float":     {json.Number("9007199254740993"), []string{"9007199254740993"}, false},
		"list":                      {[]any{"79800001", 79800002, "79800001"}, []string{"79800001", "79800002"}, false},
		"nothing":                   {nil, nil, false},
		"empty text":                {"", nil, false},
		"empty list":                {[]any{}, nil, false},
		"list with nothing in it":   {[]any{nil, ""}, nil, false},
		"fraction":                  {1.5, nil, true},
		"negative":                  {-1, nil, true},
		"object":                    {map[string]any{"code": "GP"}, nil, true},
		"list in a list":            {[]any{[]any{"GP"}}, nil, true},
		"true":                      {true, nil, true},
		"line break":                {"G\nP", nil, true},
		"one of the list is no one": {[]any{"GP", false}, nil, true},
	} {
		for _, claim := range []string{"province_code", "municipality_code", "ward_code"} {
			token := sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(set(claim, tt.claim)))
			c, err := v.Verify(token)
			if tt.bad {
				if Reason(err) != ReasonInvalid {
					t.Errorf("%s in %s: %+v, %v", name, claim, c, err)
				}
				continue
			}
			got := map[string][]string{
				"province_code": c.Provinces, "municipality_code": c.Municipalities, "ward_code": c.Wards}
			if err != nil || !slices.Equal(got[claim], tt.want) {
				t.Errorf("%s in %s: %q, %v", name, claim, got[claim], err)
			}
			if n := len(c.Provinces) + len(c.Municipalities) + len(c.Wards); n != len(tt.want) {
				t.Errorf("%s in %s is in another place too: %+v", name, claim, c)
			}
		}
	}
}

func TestPlacesHaveTheNamesOfTheSettings(t *testing.T) {
	v := verifier(t, Config{Secret: secret, Places: PlaceClaims{Province: "prov", Municipality: "muni", Ward: "w"}})
	claims := good(set("prov", "GP"), set("muni", "JHB"), set("w", "79800001"), set("province_code", "WC"))
	c, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims))
	if err != nil || !slices.Equal(c.Provinces, []string{"GP"}) || !slices.Equal(c.Municipalities, []string{"JHB"}) ||
		!slices.Equal(c.Wards, []string{"79800001"}) {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestClaimsTellWhichTokenItIs(t *testing.T) {
	v := verifier(t, Config{Secret: secret})
	for _, tt := range []struct {
		jti  any
		want string
		bad  bool
	}{{"one", "one", false}, {7, "7", false}, {nil, "", false}, {"a\nb", "", true}, {[]any{"one"}, "", true}} {
		c, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(set("jti", tt.jti))))
		if (err != nil) != tt.bad || c.TokenID != tt.want {
			t.Errorf("%v: %+v, %v", tt.jti, c, err)
		}
		if !tt.bad && !c.IssuedAt.Equal(now) {
			t.Errorf("issued at %v", c.IssuedAt)
		}
	}
	if c, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", good(set("iat", nil)))); err != nil ||
		!c.IssuedAt.IsZero() {
		t.Errorf("without iat: %+v, %v", c, err)
	}
}

func TestGrantIsReadBackWhole(t *testing.T) {
	g := Grant{
		User: events.User{ID: "alice", Role: "province_admin"}, TTL: time.Hour, TokenID: "one",
		Provinces: []string{"GP", "WC"}, Municipalities: []string{"JHB"}, Wards: []string{"79800001"},
		Places: PlaceClaims{Ward: "w"}, Issuer: "us", Audience: []string{"rollcall", "other"},
	}
	token, err := g.Sign(secret, now)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, Config{Secret: secret, Issuers: []string{"us"}, Audiences: []string{"rollcall"},
		Places: PlaceClaims{Ward: "w"}})
	c, err := v.Verify(token)
	if err != nil || c.User != g.User || c.TokenID != "one" || !slices.Equal(c.Provinces, g.Provinces) ||
		!slices.Equal(c.Municipalities, g.Municipalities) || !slices.Equal(c.Wards, g.Wards) {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestTokensHaveIDsOfTheirOwn(t *testing.T) {
	v := verifier(t, Config{Secret: secret})
	seen := map[string]bool{}
	for range 3 {
		token, err := Mint(secret, "alice", "member", time.Hour, now)
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Verify(token)
		if err != nil || c.TokenID == "" || seen[c.TokenID] {
			t.Fatalf("%+v, %v", c, err)
		}
		seen[c.TokenID] = true
	}
}

func TestOnlyAnAddressThatMayBeWrittenToIsOne(t *testing.T) {
	v := verifier(t, Config{Secret: secret})
	const fine = "alice@example.org"
	for name, tt := range map[string]struct{ email, verified, want any }{
		"confirmed":     {fine, true, fine},
		"as text":       {fine, "true", fine},
		"nobody says":   {fine, nil, fine},
		"not confirmed": {fine, false, ""},
		"not, as text":  {fine, "false", ""},
		"with a name":   {"Alice <alice@example.org>", true, ""},
		"two":           {"alice@example.org, bob@example.org", true, ""},
		"a line break":  {"alice@example.org\r\nBcc: bob@example.org", true, ""},
		"an ID number":  {"8001015009087@example.org", true, ""},
		"other letters": {"älice@example.org", true, ""},
		"none":          {nil, nil, ""},
		"a number":      {7, true, ""},
	} {
		claims := good(set("email", tt.email))
		if tt.verified != nil {
			claims["email_verified"] = tt.verified
		}
		c, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", claims))
		if err != nil || c.Email != tt.want {
			t.Errorf("%s: %q, %v", name, c.Email, err)
		}
	}
}
