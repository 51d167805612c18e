package app

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A token with roles as its issuer writes them means the same over REST, /ws and Socket.IO.
func TestTokensOfOthersOverEachWay(t *testing.T) {
	cfg := DefaultUp()
	cfg.Addr, cfg.Data = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	file := filepath.Join(t.TempDir(), "roles")
	if err := os.WriteFile(file, []byte("Branch Secretary = ward_admin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.RoleMap = []string{"CHIEF=national_admin", file}
	cfg.Tokens.Claims.UserClaim = []string{"user.id", "sub"}
	cfg.Tokens.Claims.RoleClaim = []string{"realm_access.roles", "scope", "role_name"}
	cfg.Tokens.Places.WardClaim = "area.wards"
	cfg.Tokens.Issuer, cfg.Tokens.Audience = []string{"https://issuer.example"}, []string{"rollcall"}
	s := newAccessSiteOf(t, cfg)
	sign := func(claims jwt.MapClaims) string {
		t.Helper()
		now := time.Now()
		all := jwt.MapClaims{"iss": "https://issuer.example", "aud": "rollcall", "iat": now.Unix(),
			"exp": now.Add(time.Hour).Unix(), "sub": "carol"}
		for name, claim := range claims {
			all[name] = claim
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(s.app.settings.Tokens.Secret))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	owner := jwt.MapClaims{"user": map[string]any{"id": 42}, "role_name": "BRANCH SECRETARY",
		"area": map[string]any{"wards": []any{aliceWard}}}
	answer := s.upload(sign(owner))
	if answer.status != http.StatusAccepted {
		t.Fatalf("upload: %d %s", answer.status, answer.body)
	}
	s.job = answer.text("job_id")
	for name, tt := range map[string]struct {
		claims jwt.MapClaims
		want   string
	}{
		"its owner":         {owner, "allowed"},
		"a mapped role":     {jwt.MapClaims{"realm_access": map[string]any{"roles": []any{"uma", "chief"}}}, "allowed"},
		"a common code":     {jwt.MapClaims{"scope": "openid NATIONAL_ADMIN"}, "allowed"},
		"another user":      {jwt.MapClaims{"role_name": "Branch Secretary"}, "hidden"},
		"an unknown role":   {jwt.MapClaims{"role_name": "KING"}, "forbidden"},
		"not that claim":    {jwt.MapClaims{"scope": "openid", "role_name": "CHIEF"}, "forbidden"},
		"another issuer":    {jwt.MapClaims{"role_name": "CHIEF", "iss": "https://other.example"}, "unauthenticated"},
		"another audience":  {jwt.MapClaims{"role_name": "CHIEF", "aud": []any{"other"}}, "unauthenticated"},
		"no role at all":    {jwt.MapClaims{"roles": []any{"CHIEF"}}, "unauthenticated"},
		"a role in objects": {jwt.MapClaims{"role_name": map[string]any{"CHIEF": true}}, "unauthenticated"},
	} {
		token := sign(tt.claims)
		path := "/status/" + s.job
		if tt.want == "forbidden" { // of somebody else's job nothing is told, not even that
			path = "/history"
		}
		got := map[string]string{
			"REST":      s.do(token, "GET", path, nil).access(),
			"/ws":       s.trySocket(token, "subscribe_bulk_upload_job"),
			"Socket.IO": s.trySocketIO(token, "subscribe_bulk_upload_job"),
		}
		for way, access := range got {
			if tt.want == "unauthenticated" && access != "allowed" && access != "forbidden" && access != "hidden" {
				continue // refused, each in its own words
			}
			if access != tt.want {
				t.Errorf("%s over %s: %s, want %s", name, way, access, tt.want)
			}
		}
	}
}
