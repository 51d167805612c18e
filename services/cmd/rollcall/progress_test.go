package main

import (
	"encoding/json"
	"testing"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// Each row of a job is in the counts of its last line, also those of rare outcomes.
func TestTheLastLineCountsEveryRow(t *testing.T) {
	const (
		dry = `{"processing_duration_ms":1234,"validation_stats":{"total_records":3,"valid_records":2},
			"database_stats":{"inserts":1,"unchanged":1,"dry_run":true}}`
		rare = `{"validation_stats":{"total_records":28,"valid_records":28},
			"database_stats":{"known":1,"unknown":2,"removed":3,"kept":4,"transfers":5,"objected":6,"errors":7}}`
	)
	for data, want := range map[string]string{
		dry: "100%  completed in 1.23s: 3 rows, 2 valid, 1 inserted, 0 updated, 1 unchanged " +
			"(a dry run: nothing was written)",
		rare: "100%  completed in 0s: 28 rows, 28 valid, 0 inserted, 0 updated, 0 unchanged, 1 members already, " +
			"2 no members, 3 removed, 4 kept, 5 waiting, 6 objected, 7 refused",
	} {
		line, err := describe(client.Frame{Event: frames.EventComplete, Data: json.RawMessage(data)})
		if err != nil || line != want {
			t.Errorf("%q, %v\nwant %q", line, err, want)
		}
	}
}
