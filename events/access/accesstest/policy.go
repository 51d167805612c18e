// Package accesstest has a policy for tests that are about something else.
package accesstest

import (
	"encoding/json"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/schema"
)

// OpenJSON returns the default policy with one change: a member may do with
// their own jobs, in the whole country, what a national administrator may.
func OpenJSON() []byte {
	var policy map[string]any
	if err := json.Unmarshal(schema.Policy(), &policy); err != nil {
		panic(fmt.Errorf("open policy: %w", err))
	}
	roles := policy["roles"].(map[string]any)
	admin := roles["national_admin"].(map[string]any)
	roles["member"] = map[string]any{"area": events.AreaCountry, "may": admin["may"]}
	data, err := json.MarshalIndent(policy, "", "  ")
	if err != nil {
		panic(fmt.Errorf("open policy: %w", err))
	}
	return data
}

// Open returns the policy of OpenJSON.
func Open() *access.Policy {
	p, err := access.Parse(OpenJSON())
	if err != nil {
		panic(fmt.Errorf("open policy: %w", err))
	}
	return p
}
