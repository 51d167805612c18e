package sheets

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/tealeg/xlsx/v3"
)

// addSamples adds a row with a cell of each look and format. The library numbers
// styles as it meets them, so the numbers can be read from that row.
func (b *Book) addSamples(sheet *xlsx.Sheet) {
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

// sampled reads the numbers of the styles from the sheet with the samples.
func (b *Book) sampled(sheet []byte) [][]string {
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
	b.addSamples(sheet)
	files, err := written(frame)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.name == fmt.Sprintf(sheetPart, 1) {
			if styles := b.sampled(f.head); styles != nil {
				return styles, nil
			}
		}
	}
	return nil, errors.New("styles are not numbered")
}
