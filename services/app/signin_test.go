package app

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"rollcall.example/gateway/auth/local"
	"rollcall.example/gateway/auth/provider"
	"rollcall.example/services/openapitest"
)

// The ways in, and what the administrator is answered, are as openapi.yaml has them.
func TestSignInIsAsDescribed(t *testing.T) {
	admin, err := local.Open(local.Config{File: filepath.Join(t.TempDir(), "password"),
		Sign: func() (string, error) { return "a token", nil }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	local.Face{Admin: admin}.Mount(mux)
	mux.Handle("GET "+provider.WaysPath, provider.Ways{Password: &provider.Password{User: local.User}})
	const password = `"password":"four words nobody expects"`
	for _, one := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodGet, "", "", http.StatusOK},
		{http.MethodPost, "/password", "{" + password + "}", http.StatusUnauthorized},
		{http.MethodPost, "/setup", `{"code":"x",` + password + "}", http.StatusUnauthorized},
		{http.MethodPost, "/setup", `{"code":"` + admin.Code() + `","password":"short"}`, http.StatusBadRequest},
		{http.MethodPost, "/setup", `{"code":"` + admin.Code() + `",` + password + "}", http.StatusOK},
		{http.MethodPost, "/password", "{" + password + "}", http.StatusOK},
	} {
		r := httptest.NewRequest(one.method, provider.WaysPath+one.path, strings.NewReader(one.body))
		if one.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		openapitest.Check(t, r, []byte(one.body), w.Code, w.Header(), w.Body.Bytes())
		if w.Code != one.want {
			t.Errorf("%s %s: %d %s", one.method, r.URL.Path, w.Code, w.Body)
		}
	}
}
