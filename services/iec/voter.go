package iec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"rollcall.example/events/records"
)

// voter is the body of an answer of the IEC's API.
type voter struct {
	ID            json.Number    `json:"Id"`
	VoterID       json.Number    `json:"VoterId"`
	Status        string         `json:"VoterStatus"`
	StatusID      json.Number    `json:"VoterStatusID"`
	Registered    *bool          `json:"bRegistered"`
	VotingStation *votingStation `json:"VotingStation"`
}

type votingStation struct {
	Name         string `json:"Name"`
	Delimitation struct {
		ProvinceID     json.Number `json:"ProvinceID"`
		Province       string      `json:"Province"`
		MunicipalityID json.Number `json:"MunicipalityID"`
		Municipality   string      `json:"Municipality"`
		WardID         jsonNumber  `json:"WardID"`
		VDNumber       jsonNumber  `json:"VDNumber"`
	} `json:"Delimitation"`
}

// provinces are by the IEC's ProvinceID.
var provinces = map[string]string{
	"1": "Eastern Cape", "2": "Free State", "3": "Gauteng", "4": "KwaZulu-Natal", "5": "Limpopo",
	"6": "Mpumalanga", "7": "Northern Cape", "8": "North West", "9": "Western Cape",
}

// decodeVerdict reads an answer about a person. Whatever is not the API's JSON, or
// is about somebody else, is an error: it must never pass for "not registered". The
// error quotes nothing of the body.
func decodeVerdict(body []byte, id string, at time.Time) (records.Verdict, error) {
	var v voter
	if err := json.Unmarshal(body, &v); err != nil {
		return records.Verdict{}, errors.New("answer is not the contract's JSON")
	}
	if v.Registered == nil {
		return records.Verdict{}, errors.New("answer lacks bRegistered")
	}
	// The API drops the leading zeros of a number.
	if got := v.ID.String(); len(got) > 13 || strings.Repeat("0", 13-len(got))+got != id {
		return records.Verdict{}, errors.New("answer is about another person")
	}
	verdict := records.Verdict{VoterStatus: removeControls(v.Status), At: at.UTC()}
	switch word := strings.ToLower(v.Status); {
	case strings.Contains(word, "deceased"):
		verdict.Status = records.Deceased
	case strings.Contains(word, "international"), strings.Contains(word, "abroad"):
		verdict.Status = records.International
	case *v.Registered:
		verdict.Status = records.Registered
	default:
		verdict.Status = records.NotRegistered
	}
	if s := v.VotingStation; s != nil {
		var err error
		d := s.Delimitation
		if verdict.Ward, err = parseCode("WardID", d.WardID); err != nil {
			return records.Verdict{}, err
		}
		if verdict.VD, err = parseCode("VDNumber", d.VDNumber); err != nil {
			return records.Verdict{}, err
		}
		verdict.Station = removeControls(s.Name)
		verdict.MunicipalityCode, verdict.Municipality = splitMunicipality(removeControls(d.Municipality))
		verdict.Province = provinces[d.ProvinceID.String()]
		if verdict.Province == "" {
			verdict.Province = removeControls(d.Province)
		}
	}
	return verdict, nil
}

// isAboutVoter reports whether a body is an answer about somebody, even a wrong
// one. A proxy's page and the API's own errors have none of these names.
func isAboutVoter(body []byte) bool {
	var names map[string]json.RawMessage
	if json.Unmarshal(body, &names) != nil {
		return false
	}
	for _, name := range []string{"bRegistered", "VoterStatus", "VotingStation"} {
		if _, ok := names[name]; ok {
			return true
		}
	}
	return false
}

// removeControls removes control characters: PostgreSQL accepts no NUL.
func removeControls(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text))
}

// jsonNumber is a JSON number or null. A json.Number would accept a string as well.
type jsonNumber string

// UnmarshalJSON implements json.Unmarshaler.
func (n *jsonNumber) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if data[0] == '"' {
		return errors.New("not a number")
	}
	*n = jsonNumber(data)
	return nil
}

// parseCode returns the 8-digit code of a ward or voting district; "" where the API
// has none or 0.
func parseCode(name string, n jsonNumber) (string, error) {
	text := string(n)
	if text == "" || text == "0" {
		return "", nil
	}
	if len(text) != 8 || strings.Trim(text, "0123456789") != "" {
		return "", fmt.Errorf("%s is not a code of 8 digits", name)
	}
	return text, nil
}

// splitMunicipality splits "JHB - City of Johannesburg" at the first " - ".
func splitMunicipality(text string) (code, name string) {
	code, name, ok := strings.Cut(strings.TrimSpace(text), " - ")
	if !ok {
		return "", code
	}
	return strings.TrimSpace(code), strings.TrimSpace(name)
}
