package schema

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed policy/policy.json
var policyJSON []byte

//go:embed areas/*.json
var areasFS embed.FS

// Policy returns the policy that holds where no other is given: a JSON object
// that package access reads.
func Policy() []byte { return policyJSON }

// Provinces maps the code of each province, as the IEC writes it, to its other
// spellings. One of them is the IEC's ProvinceID.
func Provinces() (map[string][]string, error) {
	data, err := areasFS.ReadFile("areas/provinces.json")
	if err != nil {
		return nil, fmt.Errorf("read provinces: %w", err)
	}
	var provinces map[string][]string
	if err := json.Unmarshal(data, &provinces); err != nil {
		return nil, fmt.Errorf("read provinces: %w", err)
	}
	return provinces, nil
}
