package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"rollcall.example/events/refusal"
)

var errTableTooLong = errors.New("the table of parts is too long")

// oleMagic begins the container of old .xls files and of encrypted .xlsx files.
var oleMagic = []byte{0xD0, 0xCF, 0x11, 0xE0}

// zipMagic begins an archive, even an empty one.
var zipMagic = []byte("PK")

// isArchive reports whether a file is an archive rather than a text. It refuses empty
// files and old .xls workbooks.
func isArchive(r io.ReaderAt, size int64) (bool, error) {
	if size <= 0 {
		return false, refuse(refusal.CodeEmptyFile, "The file is empty. Save the workbook again and upload it.", nil)
	}
	magic := make([]byte, len(oleMagic))
	n, err := r.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read workbook: %w", err)
	}
	if bytes.Equal(magic[:n], oleMagic) {
		return false, refuse(refusal.CodeXLS, "The file is an old .xls workbook or is protected with a password. "+
			"Save it as an Excel workbook (.xlsx) without a password and upload that.", nil)
	}
	return bytes.HasPrefix(magic[:n], zipMagic), nil
}

// openZip refuses a file whose structure cannot be that of a workbook. It unpacks no
// part.
func openZip(m *meter, size int64) (*zip.Reader, error) {
	// The library reads the whole table into memory, however long it is. The table has
	// the names, and 64 KiB are for the search for it.
	table := &limitedReaderAt{r: m, left: int64(m.budget.Names) + 64<<10}
	zr, err := zip.NewReader(table, size)
	table.lift()
	if errors.Is(err, errTableTooLong) || err == nil && len(zr.File) > m.budget.Parts {
		return nil, tooMany("parts", m.budget.Parts)
	}
	if err != nil {
		return nil, refuse(refusal.CodeNotAZip, "The file is not an Excel workbook (.xlsx), or it is incomplete. "+
			"Save it again as .xlsx and upload it.", err)
	}
	if !hasPart(zr, "[Content_Types].xml") || !hasPart(zr, "xl/workbook.xml") && !hasPart(zr, "_rels/.rels") {
		return nil, refuse(refusal.CodeNotAWorkbook, "The file is an archive, but no Excel workbook (.xlsx). "+
			"Save the roll as .xlsx and upload that.", nil)
	}
	return zr, checkSize(zr, m.budget.Bytes)
}

// limitedReaderAt fails once more than left bytes were asked for, until the limit is
// lifted.
type limitedReaderAt struct {
	r    io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (l *limitedReaderAt) ReadAt(p []byte, at int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errTableTooLong
	}
	return l.r.ReadAt(p, at)
}

func (l *limitedReaderAt) lift() { l.left = math.MaxInt64 }

func hasPart(zr *zip.Reader, name string) bool {
	for _, part := range zr.File {
		if partName(part.Name) == partName(name) {
			return true
		}
	}
	return false
}

// checkSize adds up the sizes that the archive's table states, so that most bombs are
// refused before anything is unpacked.
func checkSize(zr *zip.Reader, limit int64) error {
	var unpacked uint64
	for _, part := range zr.File {
		sum := unpacked + part.UncompressedSize64
		if sum < unpacked || sum > uint64(limit) {
			return tooManyBytes(limit)
		}
		unpacked = sum
	}
	return nil
}
