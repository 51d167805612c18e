package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math"

	"rollcall.example/events/refusal"
)

var errTableTooLong = errors.New("the table of parts is too long")

// isArchive reports whether a file is an archive rather than a text. It refuses empty
// files and those that are known to be something else.
func isArchive(m *meter, size int64) (bool, error) {
	if size <= 0 {
		return false, refuse(refusal.CodeEmptyFile, "The file is empty. Save the workbook again and upload it.", nil)
	}
	head := make([]byte, min(sniffLength, size))
	n, err := m.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	head = head[:n]
	if bytes.HasPrefix(head, oleMagic) {
		return false, refuseOLE(m, size)
	}
	if isOldSheet(head) {
		return false, refuseXLS()
	}
	if bytes.HasPrefix(head, zipMagic) {
		return true, nil
	}
	if err := refuseOtherText(head); err != nil {
		return false, err
	}
	return endsAsArchive(m, size)
}

// endsAsArchive reports whether a file ends as an archive does. Some web pages send bytes
// of their own before the file; programs that read archives begin at the end.
func endsAsArchive(m *meter, size int64) (bool, error) {
	const longestEnd = 22 + 1<<16 // with a comment
	tail := make([]byte, min(longestEnd, size))
	n, err := m.ReadAt(tail, size-int64(len(tail)))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	i := bytes.LastIndex(tail[:n], []byte("PK\x05\x06"))
	if i < 0 {
		return false, nil
	}
	// A text may hold the mark, but no table in front of it.
	_, err = zip.NewReader(&limitedReaderAt{r: m, left: int64(m.budget.Names) + 64<<10}, size)
	return err == nil || errors.Is(err, errTableTooLong), nil
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
	if hasPart(zr, "content.xml") && hasPart(zr, "mimetype") {
		return nil, refuse(refusal.CodeNotAWorkbook, "The file is an OpenDocument file, such as LibreOffice writes "+
			"(.ods). Save the roll as an Excel workbook (.xlsx) and upload that.", nil)
	}
	if hasPart(zr, "xl/workbook.bin") {
		return nil, refuse(refusal.CodeNotAWorkbook, "The file is a binary Excel workbook (.xlsb). "+
			"Save the roll as an Excel workbook (.xlsx) and upload that.", nil)
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
