package xls

import (
	"errors"
	"io"
)

// The types of records that are read: [MS-XLS] 2.3.2. Those of older versions have the
// same names, with the version at their end.
const (
	recBlank2      = 0x0001
	recInteger2    = 0x0002
	recNumber2     = 0x0003
	recLabel2      = 0x0004
	recBoolErr2    = 0x0005
	recFormula     = 0x0006 // of BIFF2, too
	recString2     = 0x0007
	recBOF2        = 0x0009
	recEOF         = 0x000A
	recDateMode    = 0x0022
	recFormat2     = 0x001E // of BIFF3, too
	recFilePass    = 0x002F
	recContinue    = 0x003C
	recCodePage    = 0x0042
	recXF2         = 0x0043
	recIXFE2       = 0x0044
	recWriteAccess = 0x005C
	recBoundSheet  = 0x0085
	recFilterMode  = 0x009B
	recMulRk       = 0x00BD
	recMulBlank    = 0x00BE
	recRString     = 0x00D6
	recXF          = 0x00E0
	recSST         = 0x00FC
	recLabelSst    = 0x00FD
	recRecalcID    = 0x01C1
	recBlank       = 0x0201
	recNumber      = 0x0203
	recLabel       = 0x0204
	recBoolErr     = 0x0205
	recFormula3    = 0x0206
	recString      = 0x0207
	recRow         = 0x0208
	recBOF3        = 0x0209
	recArray       = 0x0221
	recTable       = 0x0236
	recXF3         = 0x0243
	recRK          = 0x027E
	recFormula4    = 0x0406
	recBOF4        = 0x0409
	recFormat      = 0x041E
	recXF4         = 0x0443
	recShrFmla     = 0x04BC
	recBOF         = 0x0809
)

func isBOF(kind uint16) bool {
	return kind == recBOF || kind == recBOF2 || kind == recBOF3 || kind == recBOF4
}

const (
	recordHead = 4
	// What is read at once: little where the reader has just jumped, more and more where
	// it goes on from there.
	leastRead = 512
	mostRead  = 64 << 10
)

// records reads the records of a stream: [MS-XLS] 2.1.4.
type records struct {
	src io.ReaderAt
	at  int64 // of the record behind this one

	kind   uint16
	begin  int64 // of this record
	length int

	buf    []byte
	window []byte // what of the stream is in memory
	from   int64  // offset of window
	read   int    // how much was read at once
}

// next goes to the next record; io.EOF where the stream ends.
func (r *records) next() error {
	head, err := r.load(r.at, recordHead)
	if err != nil {
		return err
	}
	r.begin, r.kind, r.length = r.at, le16(head), int(le16(head[2:]))
	r.at += recordHead + int64(r.length)
	return nil
}

// unread makes next return this record once more.
func (r *records) unread() { r.at = r.begin }

// body returns the content of the record, up to the next call of any method.
func (r *records) body() ([]byte, error) { return r.load(r.begin+recordHead, r.length) }

// load returns n bytes of the stream.
func (r *records) load(at int64, n int) ([]byte, error) {
	if i := at - r.from; i >= 0 && i+int64(n) <= int64(len(r.window)) {
		return r.window[i:][:n:n], nil
	}
	// What lies a little ahead is skipped for less than a jump costs.
	if ahead := at - r.from; ahead >= 0 && ahead <= int64(len(r.window)+r.read) {
		r.read = min(max(leastRead, 2*r.read), mostRead)
	} else {
		r.read = leastRead
	}
	size := max(n, r.read)
	if cap(r.buf) < size {
		r.buf = make([]byte, size)
	}
	read, err := r.src.ReadAt(r.buf[:size], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r.window, r.from = r.buf[:read], at
	if read < n {
		return nil, io.ErrUnexpectedEOF
	}
	return r.window[:n:n], nil
}
