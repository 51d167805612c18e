package sheets

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/tealeg/xlsx/v3"
)

// addStyleSamples adds a row with a cell of each look and format. The library
// numbers styles as it meets them, so that row tells the numbers.
func (b *Book) addStyleSamples(sheet *xlsx.Sheet) {
	row := sheet.AddRow()
	for _, look := range b.cfg.Looks {
		for _, format := range b.cfg.Formats {
			cell := row.AddCell()
			cell.SetNumeric("1")
			cell.SetFormat(format)
			cell.SetStyle(look.Style)
		}
	}
}

var styleOfCell = regexp.MustCompile(`<c [^>]*\bs="(\d+)"`)

// readStyleNumbers reads the style numbers from the sheet with the samples.
func (b *Book) readStyleNumbers(sheet []byte) [][]string {
	found := styleOfCell.FindAllSubmatch(sheet, -1)
	if len(found) != len(b.cfg.Looks)*len(b.cfg.Formats) {
		return nil
	}
	styles := make([][]string, len(b.cfg.Looks))
	for i, m := range found {
		look := i / len(b.cfg.Formats)
		styles[look] = append(styles[look], string(m[1]))
	}
	return styles
}

// learnStyles finds out how the library numbers the styles of the book.
func (b *Book) learnStyles() ([][]string, error) {
	frame := xlsx.NewFile()
	sheet, err := frame.AddSheet("Styles")
	if err != nil {
		return nil, err
	}
	b.addStyleSamples(sheet)
	files, err := renderWithLibrary(frame)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.name == fmt.Sprintf(sheetPart, 1) {
			if styles := b.readStyleNumbers(f.head); styles != nil {
				return styles, nil
			}
		}
	}
	return nil, errors.New("the library wrote no style numbers")
}
