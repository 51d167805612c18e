package xls

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// Workbook is an open workbook.
type Workbook struct {
	Sheets []*Sheet
	// Missing are the names of sheets whose rows are not in the file.
	Missing []string
	// Date1904 says that the workbook counts days from 1904.
	Date1904 bool

	src      io.ReaderAt // the stream of records
	limits   Limits
	version  int // of the format, from 2 to 8
	codePage encoding.Encoding
	names    int // bytes

	// calculated says that a program which calculates wrote the file: [MS-XLS] 2.4.221
	// RecalcId.
	calculated bool

	styles  []uint16          // the number of a format by a cell's style
	formats map[uint16]string // those that the file defines
	strings int64             // where the shared strings begin; 0 where there are none
}

// maxSize is how large a file may be. The table of a container's sectors takes a 128th of
// it in memory, and so may each chain that is read. No workbook can have more.
const maxSize = 2 << 30

// Has reports whether a file that begins with head may be one that Open reads or knows.
func Has(head []byte) bool {
	return bytes.HasPrefix(head, magic[:4]) || isBareStream(head)
}

// isBareStream reports whether a file begins with a record that begins a stream: the
// oldest workbooks have no container, and many programs write none.
func isBareStream(head []byte) bool {
	return len(head) >= 8 && isBOF(le16(head)) && head[2] >= 4 && head[2] <= 16 && head[3] == 0
}

// Open opens a workbook of size bytes. The error is ErrPassword, ErrOld, a *KindError or
// a *LimitError, what src fails with, or any other where the file is damaged.
func Open(src io.ReaderAt, size int64, limits Limits) (*Workbook, error) {
	w := &Workbook{src: src, limits: limits, codePage: charmap.Windows1252, formats: map[uint16]string{}}
	var head [8]byte
	if err := readFull(src, head[:], 0); err != nil {
		return nil, fmt.Errorf("open xls: %w", err)
	}
	if size > maxSize {
		return nil, fmt.Errorf("open xls: %w", &LimitError{"bytes", maxSize})
	}
	if !isBareStream(head[:]) {
		c, err := openContainer(src, size)
		if err == nil {
			w.src, err = c.openWorkbook(limits.Entries)
		}
		if err != nil {
			return nil, fmt.Errorf("open xls: %w", err)
		}
	}
	if err := w.readGlobals(); err != nil {
		return nil, fmt.Errorf("open xls: %w", err)
	}
	return w, nil
}

// Format returns the number format of a style: its number and, where the file defines it,
// its code. A style that is not there has the format 0, General.
func (w *Workbook) Format(style int) (id int, code string) {
	if style < 0 || style >= len(w.styles) {
		return 0, ""
	}
	return int(w.styles[style]), w.formats[w.styles[style]]
}

// Styles returns how many styles of cells there are.
func (w *Workbook) Styles() int { return len(w.styles) }

// What a substream holds: [MS-XLS] 2.4.21 BOF, dt.
const (
	holdsGlobals = 0x0005
	holdsSheet   = 0x0010
)

// readBOF reads the record that begins a substream. It tells the version of the format.
func readBOF(in *records) (version int, holds uint16, err error) {
	if err := in.next(); err != nil {
		return 0, 0, err
	}
	body, err := in.body()
	if err != nil {
		return 0, 0, err
	}
	if !isBOF(in.kind) || len(body) < 4 {
		return 0, 0, errNoStart
	}
	holds = le16(body[2:])
	switch in.kind {
	case recBOF2:
		return 2, holds, nil
	case recBOF3:
		return 3, holds, nil
	case recBOF4:
		return 4, holds, nil
	}
	switch le16(body) {
	case 0x0600:
		return 8, holds, nil
	case 0x0200, 0x0300, 0x0400:
		return int(body[1]), holds, nil
	}
	// Programs that write no version write what Excel 5 does.
	return 5, holds, nil
}

// readGlobals reads what all sheets need: [MS-XLS] 2.1.7.20.3 Globals Substream. Where the
// stream is a single sheet, it is all in there.
func (w *Workbook) readGlobals() error {
	in := &records{src: w.src}
	version, holds, err := readBOF(in)
	if err != nil {
		return err
	}
	w.version = version
	if holds != holdsGlobals && holds != holdsSheet {
		return ErrOld
	}
	for depth := 1; depth > 0; {
		if err := in.next(); err != nil {
			return err
		}
		switch {
		case isBOF(in.kind):
			depth++
		case in.kind == recEOF:
			depth--
		case depth == 1:
			if err := w.readGlobal(in); err != nil {
				return err
			}
		}
	}
	if holds == holdsSheet {
		w.Sheets, w.Missing = []*Sheet{{Name: "Sheet1", book: w}}, nil
	}
	if len(w.Sheets)+len(w.Missing) == 0 {
		return errors.New("no sheet")
	}
	return nil
}

// readGlobal reads a record of the globals.
func (w *Workbook) readGlobal(in *records) error {
	switch in.kind {
	case recWriteAccess, recFilePass, recDateMode, recCodePage, recBoundSheet, recXF, recXF2, recXF3, recXF4, recFormat,
		recFormat2:
	case recRecalcID:
		w.calculated = true
		return nil
	case recSST:
		if w.strings == 0 {
			w.strings = in.begin
		}
		return nil
	default:
		return nil
	}
	body, err := in.body()
	if err != nil {
		return err
	}
	switch {
	case in.kind == recFilePass:
		return ErrPassword // 2.4.117 FilePass
	case in.kind == recWriteAccess:
		// OpenOffice calculates, and did not always say so.
		w.calculated = w.calculated || bytes.HasPrefix(body, []byte("\x04\x00\x00Calc"))
	case in.kind == recDateMode && len(body) >= 2:
		w.Date1904 = le16(body) == 1 // 2.4.77 Date1904
	case in.kind == recCodePage && len(body) >= 2:
		if page, ok := codePages[le16(body)]; ok {
			w.codePage = page
		}
	case in.kind == recBoundSheet && len(body) >= 8:
		return w.addSheet(in, body)
	case in.kind == recXF && len(body) >= 4:
		return w.addStyle(le16(body[2:])) // 2.4.353 XF, ifmt
	case in.kind == recXF2 && len(body) >= 3:
		return w.addStyle(uint16(body[2] & 0x3F))
	case (in.kind == recXF3 || in.kind == recXF4) && len(body) >= 2:
		return w.addStyle(uint16(body[1]))
	case in.kind == recFormat || in.kind == recFormat2:
		return w.addFormat(in, body)
	}
	return nil
}

// addSheet adds a sheet: [MS-XLS] 2.4.28 BoundSheet8. It leaves out charts, macros and
// modules, which have no rows.
func (w *Workbook) addSheet(in *records, body []byte) error {
	at, state, kind := int64(le32(body)), body[4]&3, body[5]
	if kind != 0 {
		return nil
	}
	name, err := w.readText(in, 6, 1, nil)
	if err != nil {
		return err
	}
	if err := w.countName(len(name)); err != nil {
		return err
	}
	for _, other := range w.Sheets {
		if other.begin == at {
			return errors.New("two sheets are in one place")
		}
	}
	if len(w.Sheets)+len(w.Missing) == w.limits.Sheets {
		return &LimitError{"sheets", w.limits.Sheets}
	}
	switch version, holds, err := readBOF(&records{src: w.src, at: at}); {
	case errors.Is(err, errNoStart), errors.Is(err, io.ErrUnexpectedEOF), err == nil && version < 5:
		w.Missing = append(w.Missing, string(name))
		return nil
	case err != nil:
		return err
	case holds != holdsSheet:
		return nil
	}
	w.Sheets = append(w.Sheets, &Sheet{Name: string(name), Hidden: state != 0, VeryHidden: state == 2, book: w, begin: at})
	return nil
}

// addStyle adds a style of cells, which has a number format.
func (w *Workbook) addStyle(format uint16) error {
	if len(w.styles) == w.limits.Styles {
		return &LimitError{"styles of cells", w.limits.Styles}
	}
	w.styles = append(w.styles, format)
	return nil
}

// addFormat adds a number format: [MS-XLS] 2.4.126 Format. Old versions number them in
// their order.
func (w *Workbook) addFormat(in *records, body []byte) error {
	id, from, lengthBytes := uint16(len(w.formats)), 0, 1
	switch {
	case w.version >= 5 && len(body) >= 2:
		id, from = le16(body), 2
	case in.kind == recFormat:
		from = 2
	}
	if w.version == 8 {
		lengthBytes = 2
	}
	code, err := w.readText(in, from, lengthBytes, nil)
	if errors.Is(err, errShort) {
		return nil // the number is shown as it is
	}
	if err != nil {
		return err
	}
	if len(w.formats) == w.limits.Styles {
		return &LimitError{"formats of numbers", w.limits.Styles}
	}
	w.formats[id] = string(code)
	return w.countName(len(code))
}

func (w *Workbook) countName(bytes int) error {
	if w.names += bytes; w.names > w.limits.Names {
		return &LimitError{"bytes of names", w.limits.Names}
	}
	return nil
}

// readText appends a text that stands in the record at an offset, its length in front of
// it. Excel 97 writes Unicode, older versions bytes of a code page.
func (w *Workbook) readText(in *records, from, lengthBytes int, dst []byte) ([]byte, error) {
	c := content{records: in}
	if err := c.start(from); err != nil {
		return dst, err
	}
	if w.version == 8 {
		return c.appendString(dst, lengthBytes)
	}
	length, err := c.uint(lengthBytes)
	if err != nil {
		return dst, err
	}
	if int(length) > len(c.rest) {
		return dst, errShort
	}
	return w.appendBytes(dst, c.rest[:length]), nil
}

// Strings are the shared strings, in their order: [MS-XLS] 2.4.265 SST.
type Strings struct {
	content content
	begun   bool
	ended   bool
}

// Strings returns the shared strings from the first one on.
func (w *Workbook) Strings() *Strings {
	return &Strings{content: content{records: &records{src: w.src, at: w.strings}}, ended: w.strings == 0}
}

// Next appends the next string to dst; false means that there is none. What the record
// says of their number does not matter. A string that is cut off is none.
func (s *Strings) Next(dst []byte) (text []byte, more bool, err error) {
	if s.ended {
		return dst, false, nil
	}
	text, err = s.next(dst)
	if err != nil {
		s.ended = true
		if errors.Is(err, errShort) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return dst, false, err
	}
	return text, true, nil
}

func (s *Strings) next(dst []byte) ([]byte, error) {
	if !s.begun {
		s.begun = true
		if err := s.content.records.next(); err != nil {
			return dst, err
		}
		const counts = 8
		if err := s.content.start(counts); err != nil {
			return dst, err
		}
	}
	return s.content.appendString(dst, 2)
}
