package openapitest

import (
	"net/http"
	"strings"
	"testing"
)

const (
	base      = "/api/v1/bulk-upload"
	at        = `"timestamp":"2026-03-01T08:00:00Z"`
	notFound  = `{"success":false,"message":"m","error":{"code":"not_found","details":{}},` + at + `}`
	quotaData = `{"current_count":1,"max_limit":2,"remaining":1,"percentage_used":50,"is_limited":false,` +
		`"reset_time":null,"storage":{"used_bytes":1,"limit_bytes":null},` +
		`"uploads_allowed":true,"reset_time_formatted":null,"message":"m"}`
	goodAnswer = `{"success":true,"message":"m","data":` + quotaData + `,` + at + `}`
)

// Check finds every deviation from the document.
func TestCheckFindsUndescribedAnswers(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		method, path string
		status       int
		body         string
		want         string // in the error; "" for none
	}{
		"as described":    {"GET", base + "/rate-limit-status", 200, goodAnswer, ""},
		"no such address": {"GET", base + "/new", 404, notFound, ""},
		"a new route":     {"GET", base + "/new", 200, goodAnswer, "data"},
		"a new method":    {"POST", base + "/rate-limit-status", 404, notFound, "405"},
		"a new status":    {"GET", base + "/rate-limit-status", 404, notFound, "status is not supported"},
		"a new parameter": {"GET", base + "/rate-limit-status?all=true", 200, goodAnswer,
			"all is not described"},
		"a new field": {"GET", base + "/rate-limit-status", 200,
			strings.Replace(goodAnswer, `{"cur`, `{"new":1,"cur`, 1), "additional"},
		"a missing field": {"GET", base + "/rate-limit-status", 200,
			strings.Replace(goodAnswer, `"is_limited":false,`, ``, 1), "is_limited"},
		"a new code": {"GET", base + "/rate-limit-status", 503,
			strings.Replace(notFound, "not_found", "out_of_order", 1), "code"},
		"a code of another operation": {"GET", base + "/rate-limit-status", 503, notFound, "code"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, "http://127.0.0.1"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer x")
			header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {"5"}}
			err = d.check(req, tt.status, header, []byte(tt.body))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("want %q in: %v", tt.want, err)
			}
		})
	}
}
