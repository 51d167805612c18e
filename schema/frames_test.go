package schema_test

import (
	"testing"

	"rollcall.example/schema"
)

func TestCheckFrame(t *testing.T) {
	const job = `"job-01900000-0000-7000-8000-000000000000"`
	const progress = `"job_id":` + job + `,"stage":"iec_verification","progress":50,"message":"","status":"processing","rows_processed":1,"rows_total":3,"timestamp":"2026-01-01T00:00:00Z"`
	for _, tc := range []struct {
		name, text string
		good       bool
	}{
		{"progress", `{"event":"bulk_upload_progress","data":{` + progress + `}}`, true},
		{"a fact's progress", `{"event":"bulk_upload_progress","seq":4,"data":{` + progress + `}}`, true},
		{"error with an id", `{"event":"error","id":7,"data":{"code":"not_found","message":"There is no such job."}}`, true},
		{"subscribed", `{"event":"ack","id":7,"data":{"job_id":` + job + `,"last_seq":3,"status":"paused"}}`, true},
		{"seq 0", `{"event":"bulk_upload_progress","seq":0,"data":{` + progress + `}}`, false},
		{"reason without a time", `{"event":"bulk_upload_progress","data":{"reason":"rate_limited",` + progress + `}}`, false},
		{"field of no schema", `{"event":"pong","data":{"more":1}}`, false},
		{"unknown code", `{"event":"error","data":{"code":"teapot","message":"No."}}`, false},
		{"unknown event", `{"event":"other","data":{}}`, false},
		{"no JSON", `{`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := schema.CheckFrame(tc.text); (err == nil) != tc.good {
				t.Errorf("CheckFrame(%s): %v", tc.text, err)
			}
		})
	}
}
