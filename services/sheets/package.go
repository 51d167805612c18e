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
	sheetPart   = "xl/worksheets/sheet%d.xml"
	stringsPart = "xl/sharedStrings.xml"
)

// file is a part of the package: what the library made of it and, between the
// two halves of that, what is spooled.
type file struct {
	name       string
	head, tail []byte
	middle     *part // nil where there is none
}

// parts lets the library write the book without its rows and puts the rows in.
func (b *Book) parts() ([]file, error) {
	frame := xlsx.NewFile()
	for i, s := range b.sheets {
		sheet, err := frame.AddSheet(s.name)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			b.addSamples(sheet)
		} else {
			sheet.AddRow().AddCell() // so that there is a place for rows
		}
		for _, f := range s.setup {
			f(sheet)
		}
	}
	files, err := written(frame)
	if err != nil {
		return nil, err
	}
	for i, s := range b.sheets {
		at := slices.IndexFunc(files, func(f file) bool { return f.name == fmt.Sprintf(sheetPart, i+1) })
		if at < 0 {
			return nil, fmt.Errorf("sheet %d has no part", i+1)
		}
		if i == 0 {
			if styles := b.sampled(files[at].head); !slices.EqualFunc(styles, b.styles, slices.Equal) {
				return nil, errors.New("styles have changed")
			}
		}
		if err := s.enclose(&files[at]); err != nil {
			return nil, err
		}
	}
	at := slices.IndexFunc(files, func(f file) bool { return f.name == stringsPart })
	if at < 0 {
		return nil, errors.New("no part for the texts")
	}
	t := b.strings
	files[at].head = fmt.Appendf(nil, xmlHeader+`<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="%d" uniqueCount="%d">`, t.used, t.count)
	files[at].middle, files[at].tail = t.part, []byte(`</sst>`)
	return files, t.part.flush()
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// enclose puts the rows of the sheet between what the library wrote before and
// after its own.
func (s *Sheet) enclose(f *file) error {
	open, closing := []byte(`<sheetData>`), []byte(`</sheetData>`)
	from, to := bytes.Index(f.head, open), bytes.Index(f.head, closing)
	if from < 0 || to < from {
		return fmt.Errorf("sheet %q has no place for rows", s.name)
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

// written is what the library writes, part by part.
func written(book *xlsx.File) ([]file, error) {
	var buf bytes.Buffer
	if err := book.Write(&buf); err != nil {
		return nil, err
	}
	zr, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		return nil, err
	}
	var files []file
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		files = append(files, file{name: f.Name, head: data})
	}
	return files, nil
}

// assemble writes the package. No part carries a time.
func assemble(w io.Writer, files []file) error {
	zw := zip.NewWriter(w)
	fw, err := flate.NewWriter(nil, level)
	if err != nil {
		return err
	}
	for _, f := range files {
		var head, tail appender
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
			h.CRC32 = combine(h.CRC32, f.middle.crc, f.middle.size)
			size, packed = size+f.middle.size, packed+f.middle.packed()
		}
		h.CRC32 = combine(h.CRC32, crc32.ChecksumIEEE(f.tail), int64(len(f.tail)))
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
