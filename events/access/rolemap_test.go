package access

import (
	"maps"
	"strings"
	"testing"

	"rollcall.example/events"
)

func TestRoleMapsAreRead(t *testing.T) {
	want := RoleMap{"chief": "national_admin", "branch secretary": "ward_admin", "a=b": "member"}
	for name, file := range map[string]string{
		"json":  `{"Chief": "national_admin", "BRANCH SECRETARY": "WARD_ADMIN", "a=b": "member"}`,
		"lines": "# ours\nChief = national_admin\r\n\n  Branch Secretary=ward_admin\na=b=member\n",
	} {
		m := RoleMap{}
		if err := m.AddFile([]byte(file)); err != nil || !maps.Equal(m, want) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	for _, bad := range []string{
		`{"a": 1}`, `{"a": "member"} x`, "a", "=member", "a=", `{"A": "member", "a": "ward_admin"}`, "A=member\na=ward_admin",
	} {
		if err := (RoleMap{}).AddFile([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// A map gives a token's role what it says and no more: one that is mapped is not looked up
// again, and what nobody knows stays refused.
func TestRoleMapIsAppliedOnce(t *testing.T) {
	p, err := Default().WithRoleMap(RoleMap{"chief": "PROVINCIAL_ADMIN", "national_admin": "member"})
	if err != nil {
		t.Fatal(err)
	}
	for tokens, want := range map[string]string{
		"CHIEF": "province_admin", " Chief ": "province_admin", "NATIONAL_ADMIN": "member", "super_admin": "super_admin",
		"MUNICIPAL_ADMIN": "municipality_admin", "king": "", "": "", "chief admin": "",
	} {
		ours, known := p.Resolve(tokens)
		if known != (want != "") || known && ours != want {
			t.Errorf("%q is %q, %t", tokens, ours, known)
		}
		if !known && p.Identify(events.User{ID: "a", Role: ours}, Places{}).May(ReadStatus) == nil {
			t.Errorf("%q may read", tokens)
		}
	}
	if _, err := Default().WithRoleMap(RoleMap{"chief": "king"}); err == nil || !strings.Contains(err.Error(), "king") {
		t.Errorf("a map to a role that is not there: %v", err)
	}
	if _, known := Default().Resolve("chief"); known {
		t.Error("the default policy knows what another one maps")
	}
}
