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

// hostileHeaders are spelled as people spell them. The last column has no header.
var hostileHeaders = []string{
	"  Identity   NUMBER ", "first NAME", "Last  Name", "MOBILE", "Landline Number", "E-mail", "address", "Age",
	"Gender", "Race", "Citizenship", "Language", "Occupation", "Qualification", "Province", "Region",
	"Municipality", "ward code", "Voting Station", "VD", "Date Joined", "Last Payment", "Expiry Date",
	"Subscription", "Memebership Amount", "Status", "What is wrong here", "=Shoe Size", "",
}

// Indexes of the columns that rows change.
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

// hostileRow is a valid row except for the cells that it changes. A row without a
// fault is blank.
type hostileRow struct {
	fault  string
	person person
	cells  map[int]cellValue
}

// cellValue is a cell as the spreadsheet stores it.
type cellValue struct {
	kind byte // 0 text, 'n' number, 'd' day, 'b' boolean, 'f' formula with its result
	text string
}

func textCell(text string) cellValue      { return cellValue{text: text} }
func numberCell(text string) cellValue    { return cellValue{'n', text} }
func formulaCell(result string) cellValue { return cellValue{'f', result} }

// makeHostile returns a roll of made-up people that breaks each rule at least once.
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
	old.Hidden = true // the reader prefers a visible sheet
	old.AddRow().AddCell().SetString("ID Number")
	old.AddRow().AddCell().SetString(new(peopleMaker).make("540321", true, 0, 0, nil).id)
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
		if row.fault == "" {
			continue
		}
		for i, v := range row.values() {
			if err := v.write(cells.AddCell()); err != nil {
				return nil, fmt.Errorf("row %q, column %d: %w", row.fault, i+1, err)
			}
		}
	}
	return file, nil
}

func (r hostileRow) values() []cellValue {
	p := r.person
	list := []cellValue{
		textCell(p.id), textCell(p.first), textCell(p.last), textCell("060 123 4567"), textCell("011 123 4567"),
		textCell("someone@example.org"), textCell("1 Acacia Street"), {},
		textCell(p.gender), textCell("African"), textCell("RSA"), textCell("Zulu"), textCell("Teacher"),
		textCell("Matric"), textCell(p.at.Province), {},
		textCell(p.at.Municipality), textCell(p.at.Ward), textCell(p.at.Station), textCell(p.at.VD),
		textCell("01/02/2024"), textCell("2024-08-31"), {}, textCell("Renewal"), textCell("R10.00"),
		textCell("Good standing"), textCell(r.fault), textCell("007"), {},
	}
	for i, v := range r.cells {
		list[i] = v
	}
	return list
}

func (v cellValue) write(cell *xlsx.Cell) error {
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

// peopleMaker makes up people, none of them twice.
type peopleMaker struct{ serial int }

// make returns a person with the given date of birth, sex, citizenship digit and last
// digit but one. The answer of the IEC simulator fits; fits nil means registered at
// home.
func (c *peopleMaker) make(born string, male bool, citizen, digit int, fits func(sim.Person, sim.Place) bool) person {
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
		if home := sim.HomeOf(id); fits(sim.PersonOf(id), home) {
			return person{id: id, first: first, last: "Number" + strconv.Itoa(c.serial), gender: gender, at: home}
		}
	}
}

func longText() string { return strings.Repeat("So lank soos 'n lewer. ", 1500)[:33000] }
