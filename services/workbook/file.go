package workbook

import (
	"errors"
	"fmt"
	"io"
	"path"

	"rollcall.example/events/refusal"
)

const (
	maxColumns = 16_384    // in a sheet
	maxRows    = 1_048_576 // in a sheet
	maxSheets  = 1000
)

// File is an open workbook. Only the list of its sheets is in memory; rows and texts
// are read when a caller asks for them. The caller closes it.
type File struct {
	Sheets []*Sheet
	// Date1904 says that the workbook counts days from 1904.
	Date1904 bool

	source  *source
	strings *sharedStrings
	dates   []bool // by a cell's style: whether it shows a date
}

// source is what the file is read from. It remembers its own failure, which is not
// the file's fault.
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

// explain returns the failure of the source where there was one, and else err: the
// fault of the file.
func (s *source) explain(err error) error {
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
		return nil, src.explain(err)
	}
	all, err := indexParts(zr)
	if err != nil {
		return nil, err
	}
	file, err := all.openMain()
	if err != nil {
		return nil, src.explain(err)
	}
	file.source = src
	return file, nil
}

// openMain finds the package's main part and reads it.
func (p packageParts) openMain() (*File, error) {
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
func (p packageParts) readWorkbook(main string) (*File, error) {
	part, ok := p[main]
	if !ok {
		return nil, unreadable(errors.New("no workbook part"))
	}
	related, err := p.readRelations(main)
	if err != nil {
		return nil, err
	}
	file := &File{strings: &sharedStrings{}}
	root := ""
	err = visitElements(part, func(x *xmlScanner, depth int) error {
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
	file.strings.part = p[names["sharedStrings"]]
	if file.dates, err = readDateStyles(p[names["styles"]]); err != nil {
		return nil, err
	}
	return file, nil
}

// addSheet adds the sheet that an element names. It leaves out charts, which have no
// rows.
func (p packageParts) addSheet(file *File, x *xmlScanner, related map[string]relation) error {
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
		return errors.New("a sheet has no part")
	}
	if len(file.Sheets) == maxSheets {
		return fmt.Errorf("more than %d sheets", maxSheets)
	}
	file.Sheets = append(file.Sheets, &Sheet{
		Name: string(name), Hidden: string(state) == "hidden" || string(state) == "veryHidden", file: file, part: part,
	})
	return nil
}

// Close releases the files that reading opened.
func (f *File) Close() error { return f.strings.close() }
