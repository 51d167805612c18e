package workbook

import (
	"errors"
	"fmt"
	"io"
	"path"

	"rollcall.example/events/refusal"
)

const (
	maxColumns = 16_384    // of a sheet
	maxRows    = 1_048_576 // of a sheet
	maxSheets  = 1000
)

// File is an open workbook. Only the table of its sheets is in memory; rows and
// texts are read as they are asked for. Close it.
type File struct {
	Sheets []*Sheet
	// Date1904 says that the workbook counts days from 1904.
	Date1904 bool

	source  *source
	strings *sharedStrings
	dates   []bool // of the cells' styles
}

// source is what the file is read from. It remembers its own failure, which is
// no fault of the file.
type source struct {
	r   io.ReaderAt
	err error
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, at int64) (int, error) {
	n, err := s.r.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// blame tells a failure of the source from a fault of the file.
func (s *source) blame(err error) error {
	if err != nil && s.err != nil {
		return fmt.Errorf("read workbook: %w", s.err)
	}
	return err
}

// Open opens a workbook of size bytes, or a text of comma-separated values. What is
// wrong with the file is a *refusal.Error, from Open or when its rows are read. Any
// other error means that r could not be read.
func Open(r io.ReaderAt, size int64, limits Limits) (*File, error) {
	src := &source{r: r}
	archive, err := isArchive(src, size)
	if err != nil {
		return nil, err
	}
	if !archive {
		return openCSV(src, size)
	}
	zr, err := openZip(src, size, limits)
	if err != nil {
		return nil, src.blame(err)
	}
	all, err := partsOf(zr)
	if err != nil {
		return nil, err
	}
	file, err := all.open()
	if err != nil {
		return nil, src.blame(err)
	}
	file.source = src
	return file, nil
}

// open finds the part that the package is about.
func (p packageParts) open() (*File, error) {
	top, err := p.relations("")
	if err != nil {
		return nil, err
	}
	main := "xl/workbook.xml"
	for _, r := range top {
		if r.kind == "officeDocument" {
			main = r.target
		}
	}
	return p.workbook(main)
}

// workbook reads the part that lists the sheets, and those that all of them need.
func (p packageParts) workbook(main string) (*File, error) {
	part, ok := p[main]
	if !ok {
		return nil, unreadable(errors.New("no workbook part"))
	}
	related, err := p.relations(main)
	if err != nil {
		return nil, err
	}
	file := &File{strings: &sharedStrings{}}
	root := ""
	err = scan(part, func(x *scanner, depth int) error {
		switch tag := string(x.name); {
		case depth == 1:
			root = tag
		case depth == 2 && tag == "workbookPr":
			value, err := x.attribute("date1904")
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
		return nil, refuse(refusal.CodeNotAWorkbook, "The file is a document of another kind, but no Excel workbook (.xlsx). "+
			"Save the roll as .xlsx and upload that.", nil)
	}
	if len(file.Sheets) == 0 {
		return nil, unreadable(errors.New("no sheet"))
	}
	// Where nothing is said of them they stand beside the workbook's part.
	beside := func(name string) string { return path.Join(path.Dir(main), name) }
	names := map[string]string{"sharedStrings": beside("sharedstrings.xml"), "styles": beside("styles.xml")}
	for _, r := range related {
		if _, ok := names[r.kind]; ok {
			names[r.kind] = r.target
		}
	}
	file.strings.part = p[names["sharedStrings"]]
	if file.dates, err = dateStyles(p[names["styles"]]); err != nil {
		return nil, err
	}
	return file, nil
}

// addSheet adds the sheet that an element names. Charts have no rows and are left out.
func (p packageParts) addSheet(file *File, x *scanner, related map[string]relation) error {
	name, err := x.attribute("name")
	if err != nil {
		return err
	}
	state, err := x.attribute("state")
	if err != nil {
		return err
	}
	id, err := x.attribute("id")
	if err != nil {
		return err
	}
	r, ok := related[string(id)]
	if ok && r.kind != "worksheet" {
		return nil
	}
	part := p[r.target]
	if !ok || part == nil {
		return errors.New("a sheet without a part")
	}
	if len(file.Sheets) == maxSheets {
		return fmt.Errorf("more than %d sheets", maxSheets)
	}
	file.Sheets = append(file.Sheets, &Sheet{
		Name: string(name), Hidden: string(state) == "hidden" || string(state) == "veryHidden", file: file, part: part,
	})
	return nil
}

// Close gives back what reading took.
func (f *File) Close() error { return f.strings.close() }
