// Package template makes the workbook that members start from: an empty roll with
// the columns of schema.Columns.
package template

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
	"rollcall.example/services/sheets"
)

// examples are what a cell of a column may look like, by field. The person does not exist.
var examples = map[string]string{
	"id_number":           "8001015009087",
	"title":               "Ms",
	"firstname":           "Thandi",
	"surname":             "Example",
	"full_name":           "Thandi Example",
	"date_of_birth":       "01/01/1980",
	"cell_number":         "082 000 0000",
	"landline_number":     "011 000 0000",
	"email":               "thandi@example.org",
	"residential_address": "1 Example Street, Exampleville",
	"age":                 "45",
	"gender":              "Male",
	"race":                "African",
	"citizenship":         "South African",
	"language":            "isiZulu",
	"occupation":          "Teacher",
	"qualification":       "Degree",
	"province":            "Gauteng",
	"region":              "Johannesburg",
	"district":            "City of Johannesburg",
	"municipality":        "JHB - City of Johannesburg",
	"ward":                "79800001",
	"voting_station":      "Example Primary School",
	"voting_district":     "32840001",
	"date_joined":         "01/02/2024",
	"last_payment":        "01/02/2024",
	"expiry_date":         "01/02/2026",
	"subscription":        "Annual",
	"membership_amount":   "R10.00",
	"status":              "Active",
}

// Workbook makes the template: a sheet to fill in, with nothing but the headers and
// lists to choose from, and one of examples, a line for each column. The examples
// stand apart, so that nobody uploads them as people by mistake.
func Workbook() (*bytes.Buffer, error) {
	columns, err := schema.Columns()
	if err != nil {
		return nil, err
	}
	book := xlsx.NewFile()
	members, err := book.AddSheet("Members")
	if err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	guide, err := book.AddSheet("Examples")
	if err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	heading := sheets.HeaderStyle()
	headings := members.AddRow()
	for i, c := range columns {
		cell := headings.AddCell()
		cell.SetString(c.Header)
		cell.SetStyle(heading)
		example := examples[c.Field]
		column := xlsx.NewColForRange(i+1, i+1)
		column.SetWidth(float64(max(utf8.RuneCountInString(c.Header), utf8.RuneCountInString(example), 10) + 2))
		// Text keeps leading zeros, and a day is read as it was typed.
		column.SetType(xlsx.CellTypeString)
		members.SetColParameters(column)
		// With words around it no name is taken for the header of a roll.
		addRow(guide, "Column: "+c.Header, example, alsoCalled(c))
	}
	sheets.FreezeHeader(members)
	if err := addDropLists(book, members, columns); err != nil {
		return nil, err
	}
	guide.SetColWidth(1, 3, 36)
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	return &out, nil
}

// maxNamed is how many other names of a column the guide gives.
const maxNamed = 6

func alsoCalled(c schema.Column) string {
	names := c.Names()[1:]
	if len(names) == 0 {
		return ""
	}
	return "also called: " + strings.Join(names[:min(len(names), maxNamed)], ", ")
}

func addRow(sheet *xlsx.Sheet, texts ...string) {
	row := sheet.AddRow()
	for _, text := range texts {
		row.AddCell().SetString(text)
	}
}
