package workbook

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"rollcall.example/events/refusal"
)

// oleMagic begins the container of old .xls files and of encrypted .xlsx files.
var oleMagic = []byte{0xD0, 0xCF, 0x11, 0xE0}

// zipMagic begins an archive, even an empty one.
var zipMagic = []byte("PK")

const oleEntry = 128 // bytes of an entry in a container's table

// refuseOLE tells an encrypted workbook from an old one.
func refuseOLE(m *meter, size int64) error {
	var package16 []byte
	for _, c := range []byte("EncryptedPackage") {
		package16 = append(package16, c, 0)
	}
	buf := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(buf)) {
		n, err := m.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		// The entries of the table stand at multiples of their size, behind its header.
		for i := 0; i+oleEntry <= n; i += oleEntry {
			entry := buf[i : i+oleEntry]
			if bytes.HasPrefix(entry, package16) && binary.LittleEndian.Uint16(entry[64:]) == uint16(len(package16)+2) {
				return refuse(refusal.CodeEncrypted, "The workbook has a password. "+
					"Save it without one as an Excel workbook (.xlsx) and upload that.", nil)
			}
		}
	}
	return refuseXLS()
}

func refuseXLS() error {
	return refuse(refusal.CodeXLS, "The file is an old .xls workbook. "+
		"Save it as an Excel workbook (.xlsx) and upload that.", nil)
}

// isOldSheet reports whether a file begins as the oldest .xls files do, which have no
// container: with the record that begins a sheet.
func isOldSheet(head []byte) bool {
	return len(head) > 8 && head[0] == 9 && bytes.IndexByte([]byte{0, 2, 4, 8}, head[1]) >= 0 &&
		head[2] >= 4 && head[2] <= 16 && head[3] == 0
}

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
