package workbook

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"

	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// Look is what there is to tell of a workbook before the rows of its roll are read.
type Look struct {
	// Sheet is the one that Roll finds. Where Roll refuses the file, it is the one that
	// comes nearest: of those with rows the first with most known columns, and else the
	// first of all.
	Sheet *Sheet
	// Header is the header of the sheet. Where Roll refuses the file, it is the row that
	// comes nearest to one; its Row is 0 where there is none, and its Guess is the column
	// that could be the one of the ID numbers.
	Header Header
	// Refused is the refusal of Roll; nil where the file has a roll.
	Refused *refusal.Error
}

// Look finds what RollMapped finds. Where that refuses the file for want of a header or of
// rows, it finds what comes nearest without a mapping. Other errors are those of
// RollMapped.
func (f *File) Look(columns []schema.Column, m mappings.Mapping) (Look, error) {
	sheet, header, _, err := f.RollMapped(columns, m)
	if err == nil {
		return Look{Sheet: sheet, Header: header}, nil
	}
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok || refused.Code != refusal.CodeNoRows && refused.Code != refusal.CodeNoIDColumn {
		return Look{}, err
	}
	look, most := Look{Sheet: f.Sheets[0], Refused: refused}, -1
	index := newHeaderIndex(columns)
	for _, sheet := range f.Sheets {
		header, rows, err := sheet.findNearest(index)
		if err != nil {
			return Look{}, err
		}
		if known := len(header.Fields); rows && known > most {
			look.Sheet, look.Header, most = sheet, header, known
		}
	}
	return look, nil
}

// findNearest finds the row of a sheet that comes nearest to a header. Rows says whether
// any row shows something.
func (s *Sheet) findNearest(index *headerIndex) (header Header, rows bool, err error) {
	finder := newHeaderFinder(index)
	var first candidate // of the first rows, the one with most cells
	filled := 0
	for row, err := range s.Rows() {
		if err != nil {
			return Header{}, false, err
		}
		if row.N > sampleRows {
			break
		}
		if row.Blank() {
			continue
		}
		rows = true
		finder.add(row)
		texts := make([]string, 0, len(row.Cells))
		n := 0
		for _, cell := range row.Cells {
			texts = append(texts, collapseSpaces(cell.Text))
			if !cell.Blank() {
				n++
			}
		}
		if n > filled && !finder.idSeen && row.N <= headerRows {
			first, filled = finder.read(row.N, texts), n
		}
	}
	if header, _ := finder.header(); header.Row > 0 {
		return header, rows, nil
	}
	nearest := finder.other
	if nearest.row == 0 && filled > 1 {
		nearest = first
	}
	header = finder.choose(nearest)
	if g, ok := finder.guess(nearest); ok {
		header.Guess = &g
	}
	return header, rows, nil
}

// Format returns the format of the file, whatever its name says: csv, ods, xls or xlsx. A
// flat OpenDocument spreadsheet is ods too.
func (f *File) Format() string {
	switch f.Sheets[0].source.(type) {
	case *csvFile:
		return "csv"
	case odsSheet:
		return "ods"
	case xlsSheet:
		return "xls"
	}
	return "xlsx"
}

// Text returns how a file of comma-separated values is written: the name of its encoding
// as the IANA has it, in lower case, and the delimiter. Both are "" for a workbook.
func (f *File) Text() (encodingName, delimiter string) {
	t := f.Sheets[0].csv
	if t == nil {
		return "", ""
	}
	return nameEncoding(t.encoding), string(t.delimiter)
}

// nameEncoding returns the name that the IANA has for an encoding, in lower case.
func nameEncoding(e encoding.Encoding) string {
	if e == encoding.Nop {
		return "utf-8"
	}
	name := strings.ToLower(fmt.Sprint(e))
	if i := strings.Index(name, " ("); i > 0 { // what is done with a byte order mark
		name = name[:i]
	}
	return strings.ReplaceAll(name, " ", "-")
}
