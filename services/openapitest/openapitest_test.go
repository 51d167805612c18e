package openapitest

import (
	"net/http"
	"strings"
	"testing"
)

const (
	base   = "/api/v1/bulk-upload"
	known  = `{"success":false,"message":"m","error":{"code":"not_found","details":{}},"timestamp":"2026-03-01T08:00:00Z"}`
	quota  = `{"current_count":1,"max_limit":2,"remaining":1,"percentage_used":50,"is_limited":false,"reset_time":null}`
	answer = `{"success":true,"message":"m","data":` + quota + `,"timestamp":"2026-03-01T08:00:00Z"}`
)

// What is not described is found out.
func TestCheckFindsWhatIsNotDescribed(t *testing.T) {
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
		"as described":     {"GET", base + "/rate-limit-status", 200, answer, ""},
		"no such address":  {"GET", base + "/new", 404, known, ""},
		"a new route":      {"GET", base + "/new", 200, answer, "data"},
		"a new method":     {"POST", base + "/rate-limit-status", 404, known, "405"},
		"a new status":     {"GET", base + "/rate-limit-status", 404, known, "status is not supported"},
		"a new parameter":  {"GET", base + "/rate-limit-status?all=true", 200, answer, "all is not described"},
		"a new field":      {"GET", base + "/rate-limit-status", 200, strings.Replace(answer, `{"cur`, `{"new":1,"cur`, 1), "additional"},
		"a missing field":  {"GET", base + "/rate-limit-status", 200, strings.Replace(answer, `"is_limited":false,`, ``, 1), "is_limited"},
		"a new code":       {"GET", base + "/rate-limit-status", 503, strings.Replace(known, "not_found", "out_of_order", 1), "code"},
		"a code elsewhere": {"GET", base + "/rate-limit-status", 503, known, "code"},
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
