package auth

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events/access"
)

type object = map[string]any

// Each form in which issuers say who somebody is and as what. "" means refused.
func TestRolesAndUsersInEachForm(t *testing.T) {
	policy, err := access.Default().WithRoleMap(access.RoleMap{
		"branch secretary": "ward_admin", "7": "province_admin", "editor": "member",
	})
	if err != nil {
		t.Fatal(err)
	}
	everywhere := []string{"role_name", "roles", "realm_access.roles", "resource_access.app.roles", "scope",
		"https://example.org/roles"}
	for name, tt := range map[string]struct {
		users, roles []string // settings
		claims       jwt.MapClaims
		user, role   string
	}{
		"as ever": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "national_admin"},
			user:   "alice", role: "national_admin",
		},
		"upper case": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "SUPER_ADMIN"},
			user:   "alice", role: "super_admin",
		},
		"national": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "NATIONAL_ADMIN"},
			user:   "alice", role: "national_admin",
		},
		"provincial": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "PROVINCIAL_ADMIN"},
			user:   "alice", role: "province_admin",
		},
		"municipal": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "MUNICIPAL_ADMIN"},
			user:   "alice", role: "municipality_admin",
		},
		"ward": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "WARD_ADMIN"},
			user:   "alice", role: "ward_admin",
		},
		"numeric id": {
			claims: jwt.MapClaims{"id": 42, "role_name": "member"},
			user:   "42", role: "member",
		},
		"text id": {
			claims: jwt.MapClaims{"id": "u-42", "role_name": "member"},
			user:   "u-42", role: "member",
		},
		"sub before id": {
			claims: jwt.MapClaims{"sub": "alice", "id": 42, "role_name": "member"},
			user:   "alice", role: "member",
		},
		"other id": {
			users: []string{"user.id"}, claims: jwt.MapClaims{"sub": "x", "user": object{"id": 7}, "role_name": "member"},
			user: "7", role: "member",
		},
		"mapped": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": "Branch Secretary"},
			user:   "alice", role: "ward_admin",
		},
		"mapped number": {
			claims: jwt.MapClaims{"sub": "alice", "role_name": 7},
			user:   "alice", role: "province_admin",
		},
		"list": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "roles": []any{"offline_access", "WARD_ADMIN"}},
			user: "a", role: "ward_admin",
		},
		"text for a list": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "roles": "WARD_ADMIN"},
			user: "a", role: "ward_admin",
		},
		"realm": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a",
				"realm_access": object{"roles": []any{"uma", "national_admin"}}},
			user: "a", role: "national_admin",
		},
		"deep": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a",
				"resource_access": object{"app": object{"roles": []any{"member"}}}},
			user: "a", role: "member",
		},
		"scope": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "scope": "openid profile PROVINCIAL_ADMIN"},
			user: "a", role: "province_admin",
		},
		"a name with dots": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "https://example.org/roles": []any{"member"}},
			user: "a", role: "member",
		},
		"first known": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "roles": []any{"x", "member", "SUPER_ADMIN"}},
			user: "a", role: "member",
		},
		"mapped in a list": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "roles": []any{"EDITOR", "SUPER_ADMIN"}},
			user: "a", role: "member",
		},
		"first claim counts": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "role_name": "no_one", "roles": []any{"SUPER_ADMIN"}},
			user: "a", role: "no_one",
		},

		// What is unknown stays what it is, and may do nothing.
		"unknown": {
			claims: jwt.MapClaims{"sub": "a", "role_name": "ROOT"},
			user:   "a", role: "ROOT",
		},
		"all unknown": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "roles": []any{"x", "y"}},
			user: "a", role: "x",
		},
		"words are no list": {
			claims: jwt.MapClaims{"sub": "a", "role_name": "not super_admin"},
			user:   "a", role: "not super_admin",
		},
		"commas are no list": {
			claims: jwt.MapClaims{"sub": "a", "role_name": "x,super_admin"},
			user:   "a", role: "x,super_admin",
		},
		"not asked for": {
			claims: jwt.MapClaims{"sub": "a", "roles": []any{"super_admin"}},
		},
		"an object": {
			claims: jwt.MapClaims{"sub": "a", "role_name": object{"super_admin": true}},
		},
		"an empty list": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "role_name": []any{}, "roles": []any{"member"}},
		},
		"lists within a list": {
			roles: everywhere, claims: jwt.MapClaims{"sub": "a", "roles": []any{[]any{"super_admin"}}},
		},
		"true": {
			claims: jwt.MapClaims{"sub": "a", "role_name": true},
		},
		"through a text": {
			roles: []string{"role_name.super_admin"}, claims: jwt.MapClaims{"sub": "a", "role_name": "super_admin"},
		},
		"a list of ids": {
			claims: jwt.MapClaims{"sub": []any{"a"}, "role_name": "member"},
		},
		"a fraction of an id": {
			claims: jwt.MapClaims{"id": 1.5, "role_name": "member"},
		},
		"sub is not readable": {
			claims: jwt.MapClaims{"sub": true, "id": "a", "role_name": "member"},
		},
		"no id where it is to": {
			users: []string{"uid"}, claims: jwt.MapClaims{"sub": "a", "role_name": "member"},
		},
	} {
		v := verifier(t, Config{Secret: secret, UserClaims: tt.users, RoleClaims: tt.roles, ResolveRole: policy.Resolve})
		tt.claims["iat"], tt.claims["exp"] = good()["iat"], good()["exp"]
		c, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "", tt.claims))
		if c.ID != tt.user || c.Role != tt.role || (err == nil) != (tt.user != "") {
			t.Errorf("%s: %q %q, %v", name, c.ID, c.Role, err)
		}
	}
}

func TestPlacesAreFoundInObjects(t *testing.T) {
	v := verifier(t, Config{Secret: secret, Places: PlaceClaims{Province: "area.province", Municipality: "area.muni"}})
	c, err := v.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), "",
		good(set("area", object{"province": "GP", "muni": []any{"JHB", "EKU"}}))))
	if err != nil || len(c.Provinces) != 1 || len(c.Municipalities) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
}

// A token that is made by other names of claims is read by them.
func TestGrantByOtherClaims(t *testing.T) {
	g := Grant{UserClaim: "id", RoleClaim: "realm_access.roles", TTL: 1e9}
	g.ID, g.Role = "alice", "member"
	token, err := g.Sign(secret, now)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, Config{Secret: secret, UserClaims: []string{"id"}, RoleClaims: []string{"realm_access.roles"}})
	if c, err := v.Verify(token); err != nil || c.User != g.User {
		t.Fatalf("%+v, %v", c, err)
	}
}
