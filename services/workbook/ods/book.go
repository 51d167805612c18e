// Package ods reads OpenDocument spreadsheets: .ods files, and .fods files, which are
// the same in one text. It yields rows as the file is unpacked and holds no sheet in
// memory: a row or a cell that the file repeats a million times costs nothing where it
// is blank, and counts as often as it is there where it is not.
//
// All sheets stand in one part. Open reads it once to list them. Sheets that are read in
// their order share one more pass.
package ods

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"rollcall.example/events/refusal"
	"rollcall.example/services/workbook/xmlscan"
)

// The parts of a package that matter, as Open expects their names: in lower case.
const (
	contentPart  = "content.xml"
	kindPart     = "mimetype"
	manifestPart = "meta-inf/manifest.xml"
	// encryptedPart holds the whole package where a newer program encrypted it.
	encryptedPart = "encrypted-package"
)

// Is reports whether an archive is an OpenDocument file, of whatever kind, by the parts
// that it has.
func Is(has func(part string) bool) bool {
	return (has(kindPart) || has(manifestPart)) && (has(contentPart) || has(encryptedPart))
}

// IsFlat reports whether a text that begins like this is an OpenDocument file that was
// not packed (.fods), of whatever kind.
func IsFlat(head []byte) bool {
	head = bytes.ReplaceAll(head, []byte{0}, nil) // those of UTF-16
	return bytes.Contains(head, []byte("urn:oasis:names:tc:opendocument:xmlns:")) &&
		bytes.HasPrefix(bytes.TrimLeft(head, "\xEF\xBB\xBF\xFF\xFE \t\r\n"), []byte("<"))
}

// book is an open file.
type book struct {
	meter Meter
	open  func() (io.ReadCloser, error) // the part that has the sheets, from its beginning
	// idle is where the last reading ended; nil where there is nothing to go on from.
	idle *cursor
}

// Open opens a package by its parts. What it says of a file that is no spreadsheet or has
// a password is a *refusal.Error.
func Open(meter Meter, parts map[string]*zip.File) (*Book, error) {
	if parts[encryptedPart] != nil {
		return nil, refusePassword()
	}
	if manifest := parts[manifestPart]; manifest != nil {
		encrypted, err := contains(meter, manifest, "encryption-data")
		if err != nil {
			return nil, err
		}
		if encrypted {
			return nil, refusePassword()
		}
	}
	if kind := parts[kindPart]; kind != nil {
		if err := checkKind(meter, kind); err != nil {
			return nil, err
		}
	}
	content := parts[contentPart]
	if content == nil {
		return nil, errors.New("no part with the sheets")
	}
	return list(&book{meter: meter, open: content.Open})
}

// OpenFlat opens a file of size bytes that was not packed.
func OpenFlat(meter Meter, size int64) (*Book, error) {
	return list(&book{meter: meter, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(meter, 0, size)), nil
	}})
}

func refusePassword() error {
	return &refusal.Error{Code: refusal.CodeEncrypted, Message: "The workbook has a password. " +
		"Save it without one and upload that."}
}

// refuseKind refuses a document that is no spreadsheet.
func refuseKind(what string) error {
	return &refusal.Error{Code: refusal.CodeNotAWorkbook, Message: "The file is " + what + ", but no spreadsheet. " +
		"Save the roll as a spreadsheet (.ods or .xlsx) and upload that."}
}

// kinds say what an OpenDocument file is by the word in its type.
var kinds = map[string]string{
	"text": "a text document", "presentation": "a presentation", "graphics": "a drawing", "drawing": "a drawing",
	"chart": "a chart", "image": "an image", "formula": "a formula", "database": "a database", "base": "a database",
}

// checkKind refuses what says that it is no spreadsheet. What says nothing known is read.
func checkKind(meter Meter, part *zip.File) error {
	rc, err := part.Open()
	if err != nil {
		return err
	}
	defer func() { _ = rc.Close() }() // a reader
	text, err := io.ReadAll(io.LimitReader(meter.Unpack(rc), 256))
	if err != nil {
		return err
	}
	kind := strings.TrimSpace(string(text))
	if strings.HasPrefix(kind, "application/vnd.sun.xml.calc") {
		return &refusal.Error{Code: refusal.CodeNotAWorkbook, Message: "The file is a spreadsheet of OpenOffice.org 1 " +
			"(.sxc). Open it in a spreadsheet program, save it as .ods or .xlsx and upload that."}
	}
	if word, ok := strings.CutPrefix(kind, "application/vnd.oasis.opendocument."); ok {
		word, _, _ = strings.Cut(word, "-") // a template
		if what := kinds[word]; what != "" {
			return refuseKind(what)
		}
	}
	return nil
}

// contains reports whether a part contains a text. Old manifests have a document type, so
// they are not read as the other parts are.
func contains(meter Meter, part *zip.File, what string) (bool, error) {
	rc, err := part.Open()
	if err != nil {
		return false, err
	}
	defer func() { _ = rc.Close() }() // a reader
	in := meter.Unpack(rc)
	buf, kept := make([]byte, 32<<10), 0
	for {
		n, err := in.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], []byte(what)) {
			return true, nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		end := kept + n
		kept = min(end, len(what)-1)
		copy(buf, buf[end-kept:end])
	}
}

// list reads through the file once and returns its sheets.
func list(b *book) (*Book, error) {
	c, err := b.begin(b.meter.Unpack)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.rc.Close() }() // a reader
	c.hidden = map[string]bool{}
	listed := &Book{Close: b.close}
	for {
		found, err := c.nextTable()
		switch {
		case err != nil:
			return nil, err
		case !found && len(listed.Sheets) == 0:
			return nil, errors.New("no sheet")
		case !found:
			return listed, nil
		}
		sheet, place := Sheet{}, c.table
		var style string
		if sheet.Name, style, err = c.nameAndStyle(); err != nil {
			return nil, err
		}
		if isCopyOfOther(sheet.Name) {
			continue
		}
		if err := b.meter.AddSheet(sheet.Name); err != nil {
			return nil, err
		}
		sheet.Hidden = c.hidden[style]
		if sheet.LastRow, err = c.countRows(); err != nil {
			return nil, err
		}
		sheet.Read = func(visit func(Row) bool) error { return b.read(place, visit) }
		listed.Sheets = append(listed.Sheets, sheet)
	}
}

// isCopyOfOther reports whether a table is no sheet: it keeps what formulas need of
// another file, whose address is its name.
func isCopyOfOther(name string) bool {
	return strings.HasPrefix(name, "'file:") && strings.Contains(name, "'#")
}

// read visits the rows of the table at a place among all tables.
func (b *book) read(place int, visit func(Row) bool) error {
	c := b.idle
	b.idle = nil // whoever reads two sheets at a time reads them apart
	if c != nil && c.table >= place {
		_ = c.rc.Close() // a reader
		c = nil
	}
	if c == nil {
		var err error
		if c, err = b.begin(b.meter.Again); err != nil {
			return err
		}
	}
	err := c.readTable(place, visit)
	if err != nil || b.idle != nil {
		return errors.Join(err, c.rc.Close())
	}
	b.idle = c
	return nil
}

// begin begins another pass. Count is what it is counted with.
func (b *book) begin(count func(io.Reader) io.Reader) (*cursor, error) {
	rc, err := b.open()
	if err != nil {
		return nil, err
	}
	c := &cursor{meter: b.meter, rc: rc, x: xmlscan.New(count(rc)), table: -1}
	c.x.Discard = true
	return c, nil
}

func (b *book) close() error {
	if b.idle == nil {
		return nil
	}
	err := b.idle.rc.Close()
	b.idle = nil
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
