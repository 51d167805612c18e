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

// Rules are those by which rows are judged, as far as they are data. The zero value
// is what this package has; each part that is set takes the place of its own.
type Rules struct {
	// Vocabularies replace the vocabularies of their names as a whole.
	Vocabularies map[string]Vocabulary `json:"vocabularies,omitempty"`
	// Aliases are further headers of columns, by field.
	Aliases map[string][]string `json:"aliases,omitempty"`
	// Youngest and Oldest are the ages, in years, beyond which an ID number is
	// warned about; 0 means 16 and 100.
	Youngest int `json:"youngest,omitempty"`
	Oldest   int `json:"oldest,omitempty"`
	// WardTarget is how many registered members a ward needs; 0 means as it was.
	WardTarget int `json:"ward_target,omitempty"`
	// WardRegions are the sub-regions of wards, by their codes of 8 digits.
	WardRegions map[string]string `json:"ward_regions,omitempty"`
}

var wardCode = regexp.MustCompile(`^[0-9]{8}$`)

const (
	defaultYoungest = 16
	defaultOldest   = 100
)

// ReadRules reads rules from JSON. What it does not know is an error, and so are
// names of vocabularies and fields that there are not.
func ReadRules(r io.Reader) (Rules, error) {
	var rules Rules
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(&rules); err != nil {
		return rules, fmt.Errorf("read rules: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return rules, errors.New("read rules: something stands behind them")
	}
	for ward, region := range rules.WardRegions {
		if !wardCode.MatchString(ward) || strings.TrimSpace(region) == "" {
			return rules, errors.New("read rules: ward_regions: a ward is no code of 8 digits, or has no sub-region")
		}
	}
	if rules.Youngest < 0 || rules.Oldest < 0 || rules.WardTarget < 0 {
		return rules, errors.New("read rules: a number below zero")
	}
	all, err := Vocabularies()
	if err != nil {
		return rules, err
	}
	for name := range rules.Vocabularies {
		if _, ok := all[name]; !ok {
			return rules, fmt.Errorf("read rules: there is no vocabulary %q, but %q", name, slices.Sorted(maps.Keys(all)))
		}
	}
	columns, err := Columns()
	if err != nil {
		return rules, err
	}
	for field := range rules.Aliases {
		if !slices.ContainsFunc(columns, func(c Column) bool { return c.Field == field }) {
			return rules, fmt.Errorf("read rules: there is no field %q", field)
		}
	}
	return rules, nil
}

// Columns are the columns with the further aliases.
func (r Rules) Columns() ([]Column, error) {
	columns, err := Columns()
	for i, c := range columns {
		columns[i].Aliases = append(c.Aliases, r.Aliases[c.Field]...)
	}
	return columns, err
}

// AllVocabularies are the vocabularies with those that are replaced.
func (r Rules) AllVocabularies() (map[string]Vocabulary, error) {
	all, err := Vocabularies()
	if err != nil {
		return nil, err
	}
	maps.Copy(all, r.Vocabularies)
	return all, nil
}

// Ages are the youngest and the oldest that are not warned about.
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
