package api_test

import (
	"net/http"
	"testing"
)

func TestATokenWithoutUserIsRefused(t *testing.T) {
	r := newRig(t)
	r.Upload("alice member")
	if a := r.Get(" member", "/history"); a.Status != 401 || a.Error.Details["reason"] != "token_invalid" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestAnswersAreNotCached(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/nothing", "/history", "/template", "/process"} {
		h := r.Get("alice member", path).Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestUnknownAddressesAndMethodsAreRefused(t *testing.T) {
	r := newRig(t)
	if a := r.Get("alice member", "/nothing"); a.Status != 404 || a.Error.Code != "not_found" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.Get("alice member", "/process"); a.Status != 405 || a.Header.Get("Allow") != http.MethodPost {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.Get("", "/history"); a.Status != 401 || a.Error.Details["reason"] != "token_missing" ||
		a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}
