package sheets

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/flate"
)

// Place is a row of a sheet.
type Place struct {
	Sheet string
	Row   int // from 1
}

// maxWorkbookPart is the most bytes of the part that names the sheets.
const maxWorkbookPart = 1 << 20

// checkEvery is after how many rows Find looks whether it is to stop.
const checkEvery = 1000

// Find returns where in a book of this package the first cell of a row is the number
// n: one row at most of each sheet, the first sheet left out. The numbers of a
// sheet's first column ascend. It reads the book as a stream and holds nothing of
// it. When ctx ends, it returns what it has found with the error of ctx.
func Find(ctx context.Context, r io.ReaderAt, size int64, n int) ([]Place, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("find row: %w", err)
	}
	zr.RegisterDecompressor(zip.Deflate, flate.NewReader)
	names, err := readSheetNames(zr)
	if err != nil {
		return nil, fmt.Errorf("find row: %w", err)
	}
	var found []Place
	for i, name := range names {
		if i == 0 {
			continue
		}
		row, err := findInSheet(ctx, zr, fmt.Sprintf(sheetPart, i+1), n)
		if err != nil {
			return found, fmt.Errorf("find row: %w", err)
		}
		if row > 0 {
			found = append(found, Place{name, row})
		}
	}
	return found, nil
}

func readSheetNames(zr *zip.Reader) ([]string, error) {
	part, err := zr.Open(workbookPart)
	if err != nil {
		return nil, err
	}
	defer func() { _ = part.Close() }() // a reader
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := xml.NewDecoder(io.LimitReader(part, maxWorkbookPart)).Decode(&book); err != nil {
		return nil, err
	}
	names := make([]string, len(book.Sheets))
	for i, s := range book.Sheets {
		names[i] = s.Name
	}
	return names, nil
}

// findInSheet returns the number of the row whose first cell is n, 0 for none.
func findInSheet(ctx context.Context, zr *zip.Reader, name string, n int) (int, error) {
	part, err := zr.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = part.Close() }() // a reader
	in := bufio.NewReaderSize(part, 64<<10)
	row, rows := 0, 0
	first := false // the next cell is the first of its row
	for {
		// A piece ends with a tag; no row of a book has a longer one than the buffer.
		piece, err := in.ReadSlice('>')
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return 0, err
		case bytes.HasPrefix(piece, []byte(`<row `)):
			row, first = numberOf(piece), true
			if rows++; rows%checkEvery == 0 && ctx.Err() != nil {
				return 0, ctx.Err()
			}
			continue
		case !first || !bytes.HasPrefix(piece, []byte(`<c `)):
			continue
		}
		first = false
		if !isNumberInFirstColumn(piece) {
			continue
		}
		if _, err = in.ReadSlice('>'); err == nil { // <v>
			piece, err = in.ReadSlice('<')
		}
		if err != nil {
			return 0, err
		}
		value, err := strconv.Atoi(string(bytes.TrimSuffix(piece, []byte("<"))))
		switch {
		case err != nil:
			continue
		case value == n:
			return row, nil
		case value > n:
			return 0, nil
		}
	}
}

// numberOf returns the row number that the tag of a row states, 0 for none.
func numberOf(tag []byte) int {
	_, rest, _ := bytes.Cut(tag, []byte(` r="`))
	digits, _, _ := bytes.Cut(rest, []byte(`"`))
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return 0
	}
	return n
}

func isNumberInFirstColumn(tag []byte) bool {
	_, ref, _ := bytes.Cut(tag, []byte(` r="A`))
	return len(ref) > 0 && ref[0] >= '0' && ref[0] <= '9' && !bytes.Contains(tag, []byte(` t="`)) &&
		!bytes.HasSuffix(tag, []byte(`/>`))
}
