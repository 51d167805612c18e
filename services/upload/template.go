package upload

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

// examples are what the template shows, by a column's field or kind.
var examples = map[string]string{
	schema.FieldID: "8001015009087", "firstname": "Thandi", "surname": "Example", "cell": "082 000 0000", "landline": "011 000 0000",
	"email": "thandi@example.org", "residential_address": "1 Example Street", "age": "45", "gender": "Male", "race": "African",
	"citizenship": "South African", "language": "isiZulu", "occupation": "Teacher", "qualification": "Matric",
	"province": "Gauteng", "region": "Region A", "municipality": "JHB - City of Johannesburg", "code": "79800001", "voting_station": "Example Primary School",
	"date": "01/02/2024", "money": "R10.00", "subscription": "New", "status": "Good standing",
}

// template sends an empty roll with the columns that are known, and examples.
func (s *Service) template(w http.ResponseWriter, _ *http.Request, _ Principal) (*result, error) {
	book, err := templateBook()
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", xlsxType)
	h.Set("Content-Length", strconv.Itoa(len(book)))
	h.Set("Content-Disposition", attachment("rollcall template.xlsx"))
	if _, err := w.Write(book); err != nil {
		s.cfg.Logger.Debug("template not sent to its end", "err", err)
	}
	return nil, nil
}

func templateBook() ([]byte, error) {
	columns, err := schema.Columns()
	if err != nil {
		return nil, err
	}
	file := xlsx.NewFile()
	sheet, err := file.AddSheet("Members")
	if err != nil {
		return nil, err
	}
	// The examples stand on a sheet of their own, so that nobody uploads them.
	// Its labels begin with the column's letter: alone they would be a header.
	help, err := file.AddSheet("Examples")
	if err != nil {
		return nil, err
	}
	bold := xlsx.NewStyle()
	bold.Font.Bold, bold.ApplyFont = true, true
	head := sheet.AddRow()
	for i, c := range columns {
		cell := head.AddCell()
		cell.SetString(c.Header)
		cell.SetStyle(bold)
		example, ok := examples[c.Field]
		if !ok {
			example = examples[string(c.Kind)]
		}
		width := xlsx.NewColForRange(i+1, i+1)
		width.SetWidth(float64(max(len(c.Header), len(example)) + 3))
		sheet.SetColParameters(width)
		row := help.AddRow()
		row.AddCell().SetString(xlsx.ColIndexToLetters(i) + ": " + c.Header)
		row.AddCell().SetString(example)
	}
	width := xlsx.NewColForRange(1, 2)
	width.SetWidth(30)
	help.SetColParameters(width)
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
