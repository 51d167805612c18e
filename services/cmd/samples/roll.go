package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/services/iec/sim"
)

var headers = []string{
	"ID Number", "First Name", "Surname", "Cell Number", "Email", "Address", "Age", "Gender", "Race", "Citizenship",
	"Language", "Occupation", "Qualification", "Province", "Municipality", "Ward", "Voting Station", "VD Code",
	"Date Joined", "Last Payment", "Expiry Date", "Subscription", "Membership Amount", "Status", "Branch Notes",
}

// rollDay is the date of the roll, which ages and payments fit.
var rollDay = time.Date(2025, time.June, 30, 0, 0, 0, 0, time.UTC)

// makeRoll returns a roll with the given number of rows with a person, valid and
// invalid ones, and a blank row after every hundredth. The same seed makes the same
// roll.
func makeRoll(seed uint64, rows int) (*xlsx.File, error) {
	file := xlsx.NewFile()
	notes, err := file.AddSheet("Read me")
	if err != nil {
		return nil, err
	}
	notes.AddRow().AddCell().SetString("Everybody on this roll is made up. The members are on the next sheet.")
	sheet, err := file.AddSheet("Members")
	if err != nil {
		return nil, err
	}
	sheet.AddRow().AddCell().SetString("Membership roll (sample)")
	sheet.AddRow().AddCell().SetString("As at " + rollDay.Format("2 January 2006"))
	sheet.AddRow()
	head := sheet.AddRow()
	for _, text := range headers {
		head.AddCell().SetString(text)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	var made []person
	for n := 1; n <= rows; n++ {
		p := newPerson(r, rollDay)
		if n%23 == 0 {
			p = made[r.IntN(len(made))] // a duplicate
		}
		made = append(made, p)
		writeRow(sheet.AddRow(), r, p, n)
		if n%100 == 0 {
			sheet.AddRow()
		}
	}
	return file, nil
}

func writeRow(row *xlsx.Row, r *rand.Rand, p person, n int) {
	text := func(s string) { row.AddCell().SetString(s) }
	writeID(row.AddCell(), p.id, n)
	text(p.first)
	text(p.last)
	writePhone(row.AddCell(), n)
	email := p.email(n)
	if n%61 == 0 {
		email = "no e-mail"
	}
	text(email)
	text(fmt.Sprintf("%d %s Street, %s", 1+r.IntN(199), pickOne(r, streets), p.at.Province))
	if n%97 == 0 {
		row.AddCell().SetInt(rollDay.Year() - p.born.Year() + 20) // contradicts the ID number
	} else {
		text("") // an age would be wrong a year later
	}
	text(p.gender)
	text(p.race)
	text(p.citizenship)
	text(p.language)
	text(pickOne(r, []string{"Teacher", "Unemployed", "Student", "Pensioner", "Farm Worker", "Nurse", "Driver",
		"Beekeeper"}))
	text(pickOne(r, []string{"Matric", "Grade 12", "Diploma", "Degree", "None", "Grade 10"}))
	text(p.at.Province)
	text(p.at.Municipality)
	if n%2 == 0 {
		row.AddCell().SetNumeric(p.at.Ward)
		text(p.at.Station)
		row.AddCell().SetNumeric(p.at.VD + ".0")
	} else {
		text(p.at.Ward)
		text(p.at.Station)
		text(p.at.VD)
	}
	writeDate(row.AddCell(), p.joined, n)
	writeDate(row.AddCell(), p.paid, n+1)
	if n%3 == 0 {
		text("")
	} else {
		writeDate(row.AddCell(), p.paid.AddDate(2, 0, 0), n+2)
	}
	text(pickOne(r, []string{"New", "Renewal"}))
	if n%2 == 0 {
		text("R10.00")
	} else {
		row.AddCell().SetInt(10)
	}
	text("Good standing")
	text(pickOne(r, []string{"", "", "speaks at meetings", "moved house"}))
}

// writeID writes most ID numbers unchanged, as text or as a number, and an invalid
// one every few dozen rows.
func writeID(cell *xlsx.Cell, id string, n int) {
	switch {
	case n%41 == 0:
		cell.SetString("") // missing
	case n%43 == 0:
		cell.SetString(id[:9]) // format
	case n%47 == 0:
		cell.SetString(id[:12] + string('0'+(id[12]-'0'+1)%10)) // checksum
	case n%53 == 0:
		cell.SetString(sim.WithCheckDigit(id[:2] + "1331" + id[6:12])) // date
	case n%3 == 0:
		cell.SetString(id)
	case n%5 == 0:
		cell.SetString(id[:6] + " " + id[6:10] + " " + id[10:])
	default:
		number, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			panic("the ID number is no number: " + id)
		}
		cell.SetInt64(number) // leading zeros are lost, as in a spreadsheet
	}
}

func writePhone(cell *xlsx.Cell, n int) {
	switch {
	case n%67 == 0:
		cell.SetString("unknown")
	case n%3 == 0:
		cell.SetInt64(int64(600000000 + n)) // the leading zero is lost
	case n%3 == 1:
		cell.SetString(fmt.Sprintf("060 000 %04d", n))
	default:
		cell.SetString(fmt.Sprintf("+27 60 000 %04d", n))
	}
}

func writeDate(cell *xlsx.Cell, day time.Time, n int) {
	switch {
	case n%71 == 0:
		cell.SetString("last winter")
	case n%3 == 0:
		cell.SetDate(day)
	case n%3 == 1:
		cell.SetString(day.Format("02/01/2006"))
	default:
		cell.SetString(day.Format(time.DateOnly))
	}
}
