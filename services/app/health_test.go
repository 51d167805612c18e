package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rollcall.example/gateway/auth/provider"
	"rollcall.example/services/api"
	"rollcall.example/services/openapitest"
)

func TestHealthIsAsDescribed(t *testing.T) {
	var missing error
	mux := http.NewServeMux()
	checks := []check{{name: "database", ok: func(context.Context) error { return missing }}}
	health(mux, checks, map[string]string{"version": "devel", "go": "go1.26.0"})
	described := 0
	for path := range openapitest.Document(t).Paths.Map() {
		if strings.HasPrefix(path, api.Base) || strings.HasPrefix(path, provider.WaysPath) {
			continue
		}
		described++
		for _, missing = range []error{nil, errors.New("database does not answer")} {
			req := httptest.NewRequest(http.MethodGet, path, nil)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, req)
			openapitest.Check(t, req, nil, w.Code, w.Header(), w.Body.Bytes())
			want := http.StatusOK
			if missing != nil && path != "/livez" {
				want = http.StatusServiceUnavailable
			}
			if w.Code != want {
				t.Errorf("%s with %v missing: %d", path, missing, w.Code)
			}
		}
	}
	if served := len(healthRoutes(checks, nil)); described != served {
		t.Errorf("%d addresses are described and %d served", described, served)
	}
}
