package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// PlaceClaims are the names of the claims that say where a user works. Each holds one code
// or a list of codes, as text or as whole numbers. "" means the default.
type PlaceClaims struct {
	Province, Municipality, Ward string
}

// What empty names mean, and what the program's flags do.
const (
	DefaultProvinceClaim     = "province_code"
	DefaultMunicipalityClaim = "municipality_code"
	DefaultWardClaim         = "ward_code"
)

func (p PlaceClaims) withDefaults() PlaceClaims {
	return PlaceClaims{
		Province:     cmp.Or(p.Province, DefaultProvinceClaim),
		Municipality: cmp.Or(p.Municipality, DefaultMunicipalityClaim),
		Ward:         cmp.Or(p.Ward, DefaultWardClaim),
	}
}

// parseTokenID returns a jti. A number is as good as a text.
func parseTokenID(claim any) (string, error) {
	if claim == nil {
		return "", nil
	}
	text, err := parseCode(claim)
	if err != nil {
		return "", fmt.Errorf("jti %w", err)
	}
	return text, nil
}

// parseCodes returns the codes of a claim, each once. Empty texts are no codes: some
// issuers send every claim to everybody.
func parseCodes(claim any) (codes []string, err error) {
	list, isList := claim.([]any)
	if !isList {
		list = []any{claim}
	}
	for _, one := range list {
		if one == nil || one == "" {
			continue
		}
		code, err := parseCode(one)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes, nil
}

// parseCode returns one code. A number must be whole and in plain digits, so that each code
// has one text only.
func parseCode(claim any) (string, error) {
	switch v := claim.(type) {
	case string:
		if !isTidy(v) {
			return "", fmt.Errorf("is empty, longer than %d bytes or has unprintable characters", maxID)
		}
		return v, nil
	case json.Number:
		n, err := strconv.ParseUint(v.String(), 10, 64)
		if err != nil {
			return "", errors.New("is not a whole number of 64 bits")
		}
		return strconv.FormatUint(n, 10), nil
	}
	return "", errors.New("is neither text nor a number")
}
