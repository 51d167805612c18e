package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"

	"rollcall.example/events/refusal"
)

// Limits bounds what a file may unpack to. The zero value means the defaults.
type Limits struct {
	// Unpacked is how many bytes all parts together may have; 0 means 4 GiB,
	// several times what a sheet of a million rows takes.
	Unpacked int64
	// Ratio is how many times its packed size a file may unpack to; 0 means 200. It
	// applies from 64 MiB on, because small files full of repetition pack very well.
	Ratio int64
}

const (
	defaultUnpacked = 4 << 30
	defaultRatio    = 200
	ratioFrom       = 64 << 20
	// maxTable is how many bytes an archive's table of its parts may have, including
	// the search for it. A thousand sheets need a twentieth of it.
	maxTable = 4 << 20
)

var errTableTooLong = errors.New("the table of parts is too long")

func (l Limits) unpacked() int64 {
	if l.Unpacked == 0 {
		return defaultUnpacked
	}
	return l.Unpacked
}

func (l Limits) ratio() int64 {
	if l.Ratio == 0 {
		return defaultRatio
	}
	return l.Ratio
}

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
func openZip(r io.ReaderAt, size int64, limits Limits) (*zip.Reader, error) {
	// The library reads the whole table into memory, however long it is.
	if _, err := zip.NewReader(&limitedReaderAt{r, maxTable}, size); errors.Is(err, errTableTooLong) {
		return nil, refuse(refusal.CodeTooLarge, "The workbook consists of too many parts. "+
			"Copy the rows into a new workbook and upload that.", err)
	}
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, refuse(refusal.CodeNotAZip, "The file is not an Excel workbook (.xlsx), or it is incomplete. "+
			"Save it again as .xlsx and upload it.", err)
	}
	if !hasPart(zr, "[Content_Types].xml") || !hasPart(zr, "xl/workbook.xml") && !hasPart(zr, "_rels/.rels") {
		return nil, refuse(refusal.CodeNotAWorkbook, "The file is an archive, but no Excel workbook (.xlsx). "+
			"Save the roll as .xlsx and upload that.", nil)
	}
	if err := checkSize(zr, size, limits); err != nil {
		return nil, err
	}
	return zr, nil
}

// limitedReaderAt fails once more than left bytes were asked for.
type limitedReaderAt struct {
	r    io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (u *limitedReaderAt) ReadAt(p []byte, at int64) (int, error) {
	if u.left -= int64(len(p)); u.left < 0 {
		return 0, errTableTooLong
	}
	return u.r.ReadAt(p, at)
}

func hasPart(zr *zip.Reader, name string) bool {
	for _, part := range zr.File {
		if partName(part.Name) == partName(name) {
			return true
		}
	}
	return false
}

// checkSize adds up the sizes that the archive's table states. They bind: reading more
// of a part than the table states fails.
func checkSize(zr *zip.Reader, size int64, limits Limits) error {
	var unpacked uint64
	for _, part := range zr.File {
		sum := unpacked + part.UncompressedSize64
		if sum < unpacked || sum > uint64(limits.unpacked()) {
			return refuse(refusal.CodeTooLarge, fmt.Sprintf("The workbook unpacks to more than %d MB. "+
				"Remove what is not part of the roll, or upload it in parts.", limits.unpacked()>>20), nil)
		}
		unpacked = sum
	}
	if unpacked > ratioFrom && unpacked/uint64(size) > uint64(limits.ratio()) {
		return refuse(refusal.CodeTooLarge, fmt.Sprintf("The workbook unpacks to more than %d times its size. "+
			"Copy the rows into a new workbook and upload that.", limits.ratio()), nil)
	}
	return nil
}
