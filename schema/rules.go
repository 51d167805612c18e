package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Rules are the rules that rows are judged by, as far as they are data. In the zero
// value every part is this package's own; a part that is set replaces it.
type Rules struct {
	// Vocabularies replace whole vocabularies, by name.
	Vocabularies map[string]Vocabulary `json:"vocabularies,omitempty"`
	// Aliases are further headers of columns, by field.
	Aliases map[string][]string `json:"aliases,omitempty"`
	// Youngest and Oldest are the ages in years outside of which an ID number gives
	// a warning; 0 means 16 and 100.
	Youngest int `json:"youngest,omitempty"`
	Oldest   int `json:"oldest,omitempty"`
	// WardTarget is how many registered members a ward needs; 0 means the target
	// that the report was made with.
	WardTarget int `json:"ward_target,omitempty"`
	// WardRegions are the sub-regions of wards, by their codes of 8 digits.
	WardRegions map[string]string `json:"ward_regions,omitempty"`
}

var wardCode = regexp.MustCompile(`^[0-9]{8}$`)

const (
	defaultYoungest = 16
	defaultOldest   = 100
)

// ReadRules reads rules from JSON. It refuses unknown names, values out of range,
// and text after the rules.
func ReadRules(r io.Reader) (Rules, error) {
	var rules Rules
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(&rules); err != nil {
		return rules, fmt.Errorf("read rules: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return rules, errors.New("read rules: there is text after the rules")
	}
	for ward, region := range rules.WardRegions {
		if !wardCode.MatchString(ward) || strings.TrimSpace(region) == "" {
			return rules, errors.New(
				"read rules: ward_regions must give a sub-region to each ward, named by its code of 8 digits")
		}
	}
	for name, n := range map[string]int{
		"youngest": rules.Youngest, "oldest": rules.Oldest, "ward_target": rules.WardTarget,
	} {
		if n < 0 {
			return rules, fmt.Errorf("read rules: %s must be at least 0, not %d", name, n)
		}
	}
	all, err := Vocabularies()
	if err != nil {
		return rules, err
	}
	for name := range rules.Vocabularies {
		if _, ok := all[name]; !ok {
			return rules, fmt.Errorf("read rules: unknown vocabulary %q; known are %q", name,
				slices.Sorted(maps.Keys(all)))
		}
	}
	columns, err := Columns()
	if err != nil {
		return rules, err
	}
	for field := range rules.Aliases {
		if !slices.ContainsFunc(columns, func(c Column) bool { return c.Field == field }) {
			return rules, fmt.Errorf("read rules: aliases: unknown field %q", field)
		}
	}
	return rules, nil
}

// Columns returns the columns with the further aliases.
func (r Rules) Columns() ([]Column, error) {
	columns, err := Columns()
	for i, c := range columns {
		if words := r.Aliases[c.Field]; len(words) > 0 {
			columns[i].Aliases = append(c.Aliases, Aliases{Words: words})
		}
	}
	return columns, err
}

// AllVocabularies returns all vocabularies, replaced ones among them.
func (r Rules) AllVocabularies() (map[string]Vocabulary, error) {
	all, err := Vocabularies()
	if err != nil {
		return nil, err
	}
	maps.Copy(all, r.Vocabularies)
	return all, nil
}

// Ages returns the youngest and the oldest age that give no warning.
func (r Rules) Ages() (youngest, oldest int) {
	youngest, oldest = r.Youngest, r.Oldest
	if youngest == 0 {
		youngest = defaultYoungest
	}
	if oldest == 0 {
		oldest = defaultOldest
	}
	return youngest, oldest
}
