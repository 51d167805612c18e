package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

// hostileHeaders are spelled as people do. The last column has no header.
var hostileHeaders = []string{
	"  Identity   NUMBER ", "first NAME", "Last  Name", "MOBILE", "Landline Number", "E-mail", "address", "Age", "Gender", "Race", "Citizenship",
	"Language", "Occupation", "Qualification", "Province", "Region", "Municipality", "ward code", "Voting Station", "VD",
	"Date Joined", "Last Payment", "Expiry Date", "Subscription", "Memebership Amount", "Status", "What is wrong here", "=Shoe Size", "",
}

// The indexes of the columns that rows change.
const (
	colID = iota
	colFirst
	colLast
	colMobile
	colLandline
	colEmail
	colAddress
	colAge
	colGender
	colRace
	colCitizenship
	colLanguage
	colOccupation
	colQualification
	_ // province
	_ // region
	_ // municipality
	colWard
	_ // voting station
	colVD
	colJoined
	colPaid
	colExpiry
	_ // subscription
	colAmount
	colStatus
	colWrong
	colShoe
	colNameless
)

// hostileRow is a row that would be faultless but for what it changes. A row
// without a wrong word is blank.
type hostileRow struct {
	wrong string
	who   person
	cells map[int]value
}

// value is a cell as the spreadsheet stores it: text if kind is 0.
type value struct {
	kind byte // 0 text, 'n' number, 'd' day, 'b' boolean, 'f' formula with its result
	text string
}

func say(text string) value       { return value{text: text} }
func number(text string) value    { return value{'n', text} }
func formula(result string) value { return value{'f', result} }

// makeHostile makes up a roll in which each rule is broken at least once.
func makeHostile() (*xlsx.File, error) {
	file := xlsx.NewFile()
	notes, err := file.AddSheet("Read me")
	if err != nil {
		return nil, err
	}
	notes.AddRow().AddCell().SetString("Everybody on this roll is made up, and hardly a row is right.")
	notes.AddRow().AddCell().SetString("The ID number must have 13 digits.")
	old, err := file.AddSheet("Last year")
	if err != nil {
		return nil, err
	}
	old.Hidden = true // a hidden sheet is not the roll where a visible one is
	old.AddRow().AddCell().SetString("ID Number")
	old.AddRow().AddCell().SetString(new(crowd).next("540321", true, 0, 0, nil).id)
	sheet, err := file.AddSheet("Roll")
	if err != nil {
		return nil, err
	}
	sheet.AddRow().AddCell().SetString("Hostile roll")
	sheet.AddRow()
	sheet.AddRow().AddCell().SetString("What stands above the header is no part of the roll.")
	head := sheet.AddRow()
	for _, text := range hostileHeaders {
		head.AddCell().SetString(text)
	}
	for _, row := range hostileRows() {
		cells := sheet.AddRow()
		if row.wrong == "" {
			continue
		}
		for i, v := range row.values() {
			if err := v.write(cells.AddCell()); err != nil {
				return nil, fmt.Errorf("row %q, column %d: %w", row.wrong, i+1, err)
			}
		}
	}
	return file, nil
}

func (r hostileRow) values() []value {
	p := r.who
	list := []value{
		say(p.id), say(p.first), say(p.last), say("060 123 4567"), say("011 123 4567"), say("someone@example.org"), say("1 Acacia Street"), {},
		say(p.gender), say("African"), say("RSA"), say("Zulu"), say("Teacher"), say("Matric"), say(p.at.Province), {},
		say(p.at.Municipality), say(p.at.Ward), say(p.at.Station), say(p.at.VD),
		say("01/02/2024"), say("2024-08-31"), {}, say("Renewal"), say("R10.00"), say("Good standing"), say(r.wrong), say("007"), {},
	}
	for i, v := range r.cells {
		list[i] = v
	}
	return list
}

func (v value) write(cell *xlsx.Cell) error {
	switch v.kind {
	case 'n':
		cell.SetNumeric(v.text)
	case 'd':
		day, err := time.Parse(time.DateOnly, v.text)
		if err != nil {
			return err
		}
		cell.SetDate(day)
	case 'b':
		cell.SetBool(v.text == "true")
	case 'f':
		cell.SetStringFormula(`CONCATENATE("` + v.text + `","")`)
		cell.Value = v.text
	default:
		cell.SetString(v.text)
	}
	return nil
}

// crowd makes people up one after the other, none of them twice.
type crowd struct{ serial int }

// next makes up a person of a date of birth, sex and citizenship whom the
// simulator of the IEC gives an answer that fits; nil takes any registered at home.
func (c *crowd) next(born string, male bool, citizen, digit int, fits func(sim.Person, sim.Place) bool) person {
	if fits == nil {
		fits = func(p sim.Person, home sim.Place) bool {
			return p.Status == records.Registered && p.Place != nil && *p.Place == home
		}
	}
	for {
		c.serial++
		serial, gender, first := c.serial, "F", females[c.serial%len(females)]
		if male {
			serial, gender, first = serial+5000, "M", males[c.serial%len(males)]
		}
		id := sim.WithCheckDigit(fmt.Sprintf("%s%04d%d%d", born, serial, citizen, digit))
		if home := sim.Home(id); fits(sim.PersonOf(id), home) {
			return person{id: id, first: first, last: "Number" + strconv.Itoa(c.serial), gender: gender, at: home}
		}
	}
}

func longText() string { return strings.Repeat("So lank soos 'n lewer. ", 1500)[:33000] }
