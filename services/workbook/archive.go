package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math"

	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/ods"
	"rollcall.example/services/workbook/xls"
)

var errTableTooLong = errors.New("the table of parts is too long")

// format is how a file is stored.
type format uint8

const (
	formatText    format = iota // comma-separated values
	formatArchive               // an .xlsx or .ods workbook
	formatFlatODS               // an OpenDocument spreadsheet that was not packed
	formatXLS                   // an old Excel workbook
)

// tellFormat tells by its content how a file is stored. It refuses empty files and those
// that are known to be something else.
func tellFormat(m *meter, size int64) (format, error) {
	if size <= 0 {
		return 0, refuse(refusal.CodeEmptyFile, "The file is empty. Save the workbook again and upload it.", nil)
	}
	head := make([]byte, min(sniffLength, size))
	n, err := m.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	head = head[:n]
	switch {
	case xls.Has(head):
		return formatXLS, nil
	case bytes.HasPrefix(head, zipMagic):
		return formatArchive, nil
	case ods.IsFlat(head):
		return formatFlatODS, nil
	}
	if err := refuseOtherText(head); err != nil {
		return 0, err
	}
	archive, err := endsAsArchive(m, size)
	if archive {
		return formatArchive, err
	}
	return formatText, err
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
	if hasPart(zr, "xl/workbook.bin") {
		return nil, refuse(refusal.CodeNotAWorkbook, "The file is a binary Excel workbook (.xlsb). "+
			"Save the roll as an Excel workbook (.xlsx) and upload that.", nil)
	}
	has := func(name string) bool { return hasPart(zr, name) }
	if !ods.Is(has) && (!has("[Content_Types].xml") || !has("xl/workbook.xml") && !has("_rels/.rels")) {
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

// zipMagic begins an archive, even an empty one.
var zipMagic = []byte("PK")

// refuseOtherText refuses texts that spreadsheet programs open, but that are no lists of
// values: they often have the name of a workbook.
func refuseOtherText(head []byte) error {
	// The marks are in ASCII, in UTF-16 with zeros between.
	text := bytes.ToLower(bytes.ReplaceAll(head, []byte{0}, nil))
	text = bytes.TrimLeft(text, "\xEF\xBB\xBF\xFF\xFE \t\r\n")
	has := func(words ...string) bool {
		for _, word := range words {
			if bytes.Contains(text, []byte(word)) {
				return true
			}
		}
		return false
	}
	what := ""
	switch {
	case bytes.HasPrefix(text, []byte("mime-version:")):
		what = "a web page (MHTML)"
	case !bytes.HasPrefix(text, []byte("<")):
		return nil
	case has("urn:schemas-microsoft-com:office:spreadsheet", `progid="excel.sheet"`):
		what = "an XML Spreadsheet 2003"
	case has("<html", "<!doctype html", "<table", "<head", "<body", "<meta", "<tr", "<div", "<style"):
		what = "a web page (HTML)"
	default:
		return nil
	}
	return refuse(refusal.CodeNotAZip, "The file is "+what+", although its name may say otherwise. "+
		"Open it in a spreadsheet program, save it as an Excel workbook (.xlsx) and upload that.", nil)
}
