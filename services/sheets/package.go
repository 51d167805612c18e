package sheets

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"

	"github.com/klauspost/compress/flate"
	"github.com/tealeg/xlsx/v3"
)

const (
	sheetPart    = "xl/worksheets/sheet%d.xml"
	stringsPart  = "xl/sharedStrings.xml"
	workbookPart = "xl/workbook.xml"
)

// packageFile is a file of the package. head and tail are what the library wrote;
// between them comes what is spooled.
type packageFile struct {
	name       string
	head, tail []byte
	middle     *part // nil where nothing is spooled
}

// buildFiles lets the library write the book without its rows, and puts the rows
// in.
func (b *Book) buildFiles() ([]packageFile, error) {
	frame := xlsx.NewFile()
	for i, s := range b.sheets {
		sheet, err := frame.AddSheet(s.name)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			b.addStyleSamples(sheet)
		} else {
			sheet.AddRow().AddCell() // so that the library writes a place for rows
		}
		for _, f := range s.configure {
			f(sheet)
		}
	}
	files, err := renderWithLibrary(frame)
	if err != nil {
		return nil, err
	}
	for i, s := range b.sheets {
		at := slices.IndexFunc(files, func(f packageFile) bool { return f.name == fmt.Sprintf(sheetPart, i+1) })
		if at < 0 {
			return nil, fmt.Errorf("the library wrote no file for sheet %d", i+1)
		}
		if i == 0 {
			if styles := b.readStyleNumbers(files[at].head); !slices.EqualFunc(styles, b.styles, slices.Equal) {
				return nil, errors.New("the library has numbered the styles otherwise than before")
			}
		}
		if err := s.encloseRows(&files[at]); err != nil {
			return nil, err
		}
		if err := s.addSurroundings(&files[at]); err != nil {
			return nil, err
		}
	}
	if files, err = b.addDrawings(files); err == nil {
		err = b.repeatHeaders(files)
	}
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(files, func(f packageFile) bool { return f.name == stringsPart })
	if at < 0 {
		return nil, errors.New("the library wrote no file for the texts")
	}
	t := b.strings
	files[at].head = fmt.Appendf(nil,
		xmlHeader+`<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="%d" uniqueCount="%d">`,
		t.used, t.count)
	files[at].middle, files[at].tail = t.part, []byte(`</sst>`)
	return files, t.part.flush()
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// encloseRows puts the rows of the sheet between what the library wrote before and
// after its own rows.
func (s *Sheet) encloseRows(f *packageFile) error {
	open, closing := []byte(`<sheetData>`), []byte(`</sheetData>`)
	from, to := bytes.Index(f.head, open), bytes.Index(f.head, closing)
	if from < 0 || to < from {
		return fmt.Errorf("the library wrote no place for the rows of sheet %q", s.name)
	}
	head := slices.Clone(f.head[:from+len(open)])
	f.tail = slices.Clone(f.head[to:])
	ref := []byte(`<dimension ref="`)
	if at := bytes.Index(head, ref); at >= 0 {
		at += len(ref)
		end := at + bytes.IndexByte(head[at:], '"')
		corner := xlsx.ColIndexToLetters(max(s.widest, 1)-1) + strconv.Itoa(max(s.rows, 1))
		head = slices.Replace(head, at, end, []byte("A1:"+corner)...)
	}
	f.head, f.middle = head, s.part
	return s.part.flush()
}

// renderWithLibrary returns the files of the package that the library writes.
func renderWithLibrary(book *xlsx.File) ([]packageFile, error) {
	var buf bytes.Buffer
	if err := book.Write(&buf); err != nil {
		return nil, err
	}
	zr, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		return nil, err
	}
	var files []packageFile
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		files = append(files, packageFile{name: f.Name, head: data})
	}
	return files, nil
}

// writePackage writes the package. No file carries a time, so that the same book
// gives the same bytes.
func writePackage(w io.Writer, files []packageFile) error {
	zw := zip.NewWriter(w)
	fw, err := flate.NewWriter(nil, compressionLevel)
	if err != nil {
		return err
	}
	for _, f := range files {
		var head, tail byteBuffer
		fw.Reset(&head)
		_, err := fw.Write(f.head)
		err = errors.Join(err, fw.Flush())
		fw.Reset(&tail)
		_, werr := fw.Write(f.tail)
		if err := errors.Join(err, werr, fw.Close()); err != nil {
			return err
		}
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(f.head)}
		size, packed := int64(len(f.head)), int64(len(head.b))
		if f.middle != nil {
			h.CRC32 = combineCRC(h.CRC32, f.middle.crc, f.middle.size)
			size, packed = size+f.middle.size, packed+f.middle.packedSize()
		}
		h.CRC32 = combineCRC(h.CRC32, crc32.ChecksumIEEE(f.tail), int64(len(f.tail)))
		h.UncompressedSize64 = uint64(size) + uint64(len(f.tail))
		h.CompressedSize64 = uint64(packed) + uint64(len(tail.b))
		out, err := zw.CreateRaw(h)
		if err != nil {
			return err
		}
		if _, err := out.Write(head.b); err != nil {
			return err
		}
		if f.middle != nil {
			if err := f.middle.copyTo(out); err != nil {
				return err
			}
		}
		if _, err := out.Write(tail.b); err != nil {
			return err
		}
	}
	return zw.Close()
}
