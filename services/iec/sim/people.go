package sim

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"

	"rollcall.example/events/records"
)

// Place is where a person may be registered.
type Place struct {
	Ward, VD, Station string // the codes have 8 digits
	Municipality      string // like "JHB - City of Johannesburg"
	MunicipalityID    int
	ProvinceID        int
	Province          string
}

// Places are all places where simulated people are registered.
var Places = []Place{
	{"79800001", "32840011", "Baobab Primary School", "JHB - City of Johannesburg", 3003, 3, "Gauteng"},
	{"79800042", "32840427", "Heron Community Hall", "JHB - City of Johannesburg", 3003, 3, "Gauteng"},
	{"10105003", "97540035", "Dune Library", "WC015 - Swartland", 9015, 9, "Western Cape"},
	{"59500033", "43370332", "Acacia Sports Ground", "ETH - eThekwini", 4001, 4, "KwaZulu-Natal"},
	{"93504021", "76110216", "Granite Tribal Office", "LIM354 - Polokwane", 5354, 5, "Limpopo"},
}

// Person is what the simulator knows about a person.
type Person struct {
	Status records.VerdictStatus
	// Place is where a registered person votes; nil otherwise.
	Place *Place
	// Malformed makes every answer about the person unusable.
	Malformed bool
}

// WithCheckDigit appends the Luhn digit to the first 12 digits of a made-up ID
// number.
func WithCheckDigit(digits string) string {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

// HomeOf returns where a person lives, registered there or not.
func HomeOf(id string) Place { return Places[hashID(id, "home")%uint64(len(Places))] }

// PersonOf returns the person that an ID number stands for where no answer is
// fixed.
func PersonOf(id string) Person {
	place := HomeOf(id)
	switch n := hashID(id, "status") % 100; {
	case n < 12:
		return Person{Status: records.NotRegistered}
	case n < 16:
		return Person{Status: records.Deceased}
	case n < 18:
		return Person{Status: records.International}
	case n < 20:
		place = Places[(hashID(id, "home")+1)%uint64(len(Places))]
	case n < 23:
		place.VD = ""
	}
	return Person{Status: records.Registered, Place: &place}
}

func hashID(id, what string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, what+" "+id) // a hash never fails
	return mixBits(h.Sum64())
}

// statuses are those of the API, by what they mean here.
var statuses = map[records.VerdictStatus]struct {
	id   int
	text string
}{
	records.Registered:    {1, "Registered"},
	records.NotRegistered: {2, "Not registered"},
	records.Deceased:      {3, "Deceased"},
	records.International: {4, "International"},
}

// body is the body of the API's answer.
func (p Person) body(id string) map[string]any {
	status := statuses[p.Status]
	// The API's numbers have no leading zeros.
	number := strings.TrimLeft(id, "0")
	if number == "" {
		number = "0"
	}
	body := map[string]any{
		"Id": json.Number(number), "VoterId": hashID(id, "voter") % 100_000_000, "VoterStatus": status.text,
		"VoterStatusID": status.id, "bRegistered": p.Status == records.Registered ||
			p.Status == records.International, "VotingStation": nil,
	}
	if p.Place == nil {
		return body
	}
	delimitation := map[string]any{
		"ProvinceID": p.Place.ProvinceID, "Province": p.Place.Province,
		"MunicipalityID": p.Place.MunicipalityID, "Municipality": p.Place.Municipality,
		"WardID": json.Number(p.Place.Ward), "VDNumber": nil,
	}
	location := map[string]any{"Town": nil, "Suburb": nil, "Street": nil, "Latitude": nil, "Longitude": nil}
	if p.Place.VD != "" {
		delimitation["VDNumber"] = json.Number(p.Place.VD)
		location["VotingDistrict"] = json.Number(p.Place.VD)
	}
	body["VotingStation"] = map[string]any{"Name": p.Place.Station, "Delimitation": delimitation, "Location": location}
	return body
}

// ReadAnswers reads people from CSV with the header
//
//	id,status,ward,vd,station,municipality,province_id,province
//
// status is registered, not_registered, deceased or international, or malformed for
// an unusable answer; the columns after it may be empty. Errors name the line and
// never the person.
func ReadAnswers(r io.Reader) (map[string]Person, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	want := "id,status,ward,vd,station,municipality,province_id,province"
	if len(rows) == 0 || strings.Join(rows[0], ",") != want {
		return nil, fmt.Errorf("read answers: the first line must be %s", want)
	}
	people := make(map[string]Person, len(rows)-1)
	for i, row := range rows[1:] {
		p, err := parsePerson(row)
		if err != nil {
			return nil, fmt.Errorf("read answers: line %d: %w", i+2, err)
		}
		if _, twice := people[row[0]]; twice {
			return nil, fmt.Errorf("read answers: line %d: the id occurs twice", i+2)
		}
		people[row[0]] = p
	}
	return people, nil
}

func parsePerson(row []string) (Person, error) {
	if len(row[0]) != 13 || strings.Trim(row[0], "0123456789") != "" {
		return Person{}, errors.New("id does not have 13 digits")
	}
	if row[1] == "malformed" {
		return Person{Status: records.Registered, Malformed: true}, nil
	}
	p := Person{Status: records.VerdictStatus(row[1])}
	if _, ok := statuses[p.Status]; !ok {
		return Person{}, errors.New("unknown status")
	}
	if row[2] == "" {
		return p, nil
	}
	for _, code := range row[2:4] {
		if code != "" && (len(code) != 8 || strings.Trim(code, "0123456789") != "") {
			return Person{}, errors.New("ward or vd does not have 8 digits")
		}
	}
	p.Place = &Place{Ward: row[2], VD: row[3], Station: row[4], Municipality: row[5], Province: row[7]}
	if row[6] != "" {
		n, err := strconv.Atoi(row[6])
		if err != nil || n < 1 || n > 9 {
			return Person{}, errors.New("province_id is not 1 to 9")
		}
		p.Place.ProvinceID = n
	}
	return p, nil
}
