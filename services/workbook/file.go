package workbook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/ods"
	"rollcall.example/services/workbook/xmlscan"
)

const (
	maxColumns = 16_384    // in a sheet
	maxRows    = 1_048_576 // in a sheet
)

// File is an open workbook. Only the list of its sheets is in memory; rows and texts
// are read when a caller asks for them. The caller closes it.
type File struct {
	Sheets []*Sheet
	// Date1904 says that the workbook counts days from 1904.
	Date1904 bool

	warnings []events.FileWarning // about what Open has seen

	meter   *meter
	strings *sharedStrings
	dates   []bool       // by a cell's style: whether it shows a date
	close   func() error // what else reading took; nil where there is nothing
}

// Open opens a workbook of size bytes, or a text of comma-separated values. What is
// wrong with the file is a *refusal.Error, from Open or when its rows are read; so is
// what exceeds the budget. Any other error means that r could not be read, or that ctx
// has ended: it ends the reading until Close, within 100 ms.
func Open(ctx context.Context, r io.ReaderAt, size int64, budget Budget) (*File, error) {
	m := newMeter(ctx, r, size, budget)
	file, err := open(m, size)
	if err != nil {
		m.cancel()
		return nil, m.explain(err)
	}
	return file, nil
}

func open(m *meter, size int64) (*File, error) {
	kind, err := tellFormat(m, size)
	if err != nil {
		return nil, err
	}
	switch kind {
	case formatText:
		return openCSV(m, size)
	case formatFlatODS:
		return openFlatODS(m, size)
	case formatXLS:
		return openXLS(m, size)
	}
	zr, err := openZip(m, size)
	if err != nil {
		return nil, err
	}
	all, err := indexParts(m, zr)
	if err != nil {
		return nil, err
	}
	if ods.Is(func(name string) bool { return all.files[name] != nil }) {
		return openODS(m, all.files)
	}
	return all.openMain()
}

// openMain finds the package's main part and reads it.
func (p *packageParts) openMain() (*File, error) {
	top, err := p.readRelations("")
	if err != nil {
		return nil, err
	}
	main := "xl/workbook.xml"
	for _, r := range top {
		if r.kind == "officeDocument" {
			main = r.target
		}
	}
	return p.readWorkbook(main)
}

// readWorkbook reads the part that lists the sheets, and the parts that all of them
// need.
func (p *packageParts) readWorkbook(main string) (*File, error) {
	part, ok := p.files[main]
	if !ok {
		return nil, unreadable(errors.New("no workbook part"))
	}
	related, err := p.readRelations(main)
	if err != nil {
		return nil, err
	}
	file := &File{meter: p.meter, strings: &sharedStrings{meter: p.meter}}
	root := ""
	err = p.visitElements(part, func(x *xmlscan.Scanner, depth int) error {
		switch tag := string(x.Name); {
		case depth == 1:
			root = tag
		case depth == 2 && tag == "workbookPr":
			value, err := x.Attribute("date1904")
			file.Date1904 = string(value) == "1" || string(value) == "true"
			return err
		case depth == 3 && tag == "sheet":
			return p.addSheet(file, x, related)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if root != "workbook" {
		return nil, refuse(refusal.CodeNotAWorkbook,
			"The file is a document of another kind, but no Excel workbook (.xlsx). "+
				"Save the roll as .xlsx and upload that.", nil)
	}
	if len(file.Sheets) == 0 {
		return nil, unreadable(errors.New("no sheet"))
	}
	// Parts that no relation names stand beside the workbook's part.
	beside := func(name string) string { return path.Join(path.Dir(main), name) }
	names := map[string]string{"sharedStrings": beside("sharedstrings.xml"), "styles": beside("styles.xml")}
	for _, r := range related {
		if _, ok := names[r.kind]; ok {
			names[r.kind] = r.target
		}
	}
	file.strings.part = p.files[names["sharedStrings"]]
	if file.dates, err = p.readDateStyles(names["styles"]); err != nil {
		return nil, err
	}
	return file, nil
}

// addSheet adds the sheet that an element names. It leaves out charts, which have no
// rows.
func (p *packageParts) addSheet(file *File, x *xmlscan.Scanner, related map[string]relation) error {
	name, err := x.Attribute("name")
	if err != nil {
		return err
	}
	state, err := x.Attribute("state")
	if err != nil {
		return err
	}
	id, err := x.Attribute("id")
	if err != nil {
		return err
	}
	r, ok := related[string(id)]
	if ok && r.kind != "worksheet" {
		return nil
	}
	part := p.files[r.target]
	switch {
	case !ok || part == nil:
		file.warnOfMissing(string(name))
		return nil
	case p.sheets[part]:
		return errors.New("two sheets have one part")
	case len(file.Sheets) == p.meter.budget.Sheets:
		return tooMany("sheets", p.meter.budget.Sheets)
	}
	p.sheets[part] = true
	if err := p.meter.addName(string(name)); err != nil {
		return err
	}
	file.Sheets = append(file.Sheets, &Sheet{
		Name: string(name), Hidden: string(state) == "hidden" || string(state) == "veryHidden",
		file: file, source: xlsxSheet{part},
	})
	return nil
}

// Close releases what reading took. Rows cannot be read any more.
func (f *File) Close() error {
	f.meter.cancel()
	err := f.strings.close()
	if f.close != nil {
		err = errors.Join(err, f.close())
	}
	return err
}

// maxFileWarnings is how many warnings a file gives; a workbook may have a thousand
// sheets.
const maxFileWarnings = 20

// warn adds a warning about the file.
func (f *File) warn(code, message string) {
	if len(f.warnings) < maxFileWarnings {
		f.warnings = append(f.warnings, events.FileWarning{Code: code, Message: message})
	}
}

// warnOfMissing warns of a sheet without rows. Spreadsheet programs open the other sheets.
func (f *File) warnOfMissing(name string) {
	f.warn("sheet_without_rows", fmt.Sprintf("The sheet %s is named in the workbook, but its rows are not in the "+
		"file. It was not read.", quoteName(name)))
}

// Warnings say what is remarkable about the file, and about the sheet whose rows were
// read last to their end: what is hidden was read like all else, and what is missing was
// not. They hold nothing that stands in a cell.
func (f *File) Warnings(read *Sheet) []events.FileWarning {
	all := append([]events.FileWarning(nil), f.warnings...)
	add := func(code, format string, args ...any) {
		all = append(all, events.FileWarning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	var hidden []string
	for _, s := range f.Sheets {
		if s.Hidden && s != read {
			hidden = append(hidden, quoteName(s.Name))
		}
	}
	if n := len(hidden); n > 0 {
		add("hidden_sheets", "The workbook has hidden sheets (%s). The roll was read from the sheet %s.",
			joinNames(hidden), quoteName(read.Name))
	}
	if read.Hidden {
		add("hidden_sheet_read", "The sheet %s, from which the roll was read, is hidden.", quoteName(read.Name))
	}
	if read.csv != nil {
		read.csv.tellFaults(add)
	}
	if read.reordered {
		add("rows_reordered", "The rows of the sheet %s are not in the order of their numbers in the file. They were read "+
			"in that order, as spreadsheet programs show them.", quoteName(read.Name))
	}
	switch {
	case read.hiddenRows > 0 && read.filtered:
		add("filtered_rows", "The sheet %s has a filter, and %s. They were read like the others.",
			quoteName(read.Name), countHidden(read.hiddenRows))
	case read.hiddenRows > 0:
		add("hidden_rows", "In the sheet %s %s. They were read like the others.", quoteName(read.Name),
			countHidden(read.hiddenRows))
	}
	return all
}

func countHidden(n int) string {
	if n == 1 {
		return "1 row is hidden"
	}
	return fmt.Sprintf("%d rows are hidden", n)
}

// joinNames joins at most three names.
func joinNames(names []string) string {
	if more := len(names) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), more)
	}
	return strings.Join(names, ", ")
}

// quoteName quotes the name of a sheet, shortened, and without digits that could be an
// ID number.
func quoteName(name string) string {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	runes := []rune(name)
	if len(runes) > 31 {
		runes = append(runes[:31], '…')
	}
	if digits >= 10 {
		for i, r := range runes {
			if unicode.IsDigit(r) {
				runes[i] = '#'
			}
		}
	}
	return strconv.Quote(string(runes))
}
