package workbook

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"rollcall.example/services/workbook/xmlscan"
)

// meter is what a file is read through. It counts what reading has taken of the budget,
// and stops it when the context ends. It remembers what is not the fault of the file:
// the failure of the reader, and the end of the context.
type meter struct {
	budget Budget
	r      io.ReaderAt
	ctx    context.Context // of the reading, from Open to Close
	cancel context.CancelFunc
	err    error

	bytes, text                              int64
	relations, names, cells, strings, sheets int
}

// newMeter returns the meter of a file; the caller calls cancel.
func newMeter(ctx context.Context, r io.ReaderAt, size int64, budget Budget) *meter {
	m := &meter{budget: budget.withDefaults(size), r: r}
	m.ctx, m.cancel = context.WithTimeoutCause(ctx, m.budget.Time, errTime)
	return m
}

// check fails once the context has ended.
func (m *meter) check() error {
	if m.ctx.Err() == nil {
		return nil
	}
	if m.err == nil {
		m.err = fmt.Errorf("read workbook: %w", m.ctx.Err())
		if errors.Is(context.Cause(m.ctx), errTime) {
			m.err = tooSlow(m.budget.Time)
		}
	}
	return m.err
}

// explain returns what stopped the reading where that is not the fault of the file, and
// else err.
func (m *meter) explain(err error) error {
	if err != nil && m.err != nil {
		return m.err
	}
	return err
}

// ReadAt implements io.ReaderAt.
func (m *meter) ReadAt(p []byte, at int64) (int, error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	n, err := m.r.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = fmt.Errorf("read workbook: %w", err)
	}
	return n, err
}

// open opens a part.
func (m *meter) open(part *zip.File) (io.ReadCloser, error) {
	rc, err := part.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{m.unpacked(rc), rc}, nil
}

// unpacked counts what comes out of r.
func (m *meter) unpacked(r io.Reader) io.Reader { return &meteredReader{r, m} }

type meteredReader struct {
	r     io.Reader
	meter *meter
}

func (r *meteredReader) Read(p []byte) (int, error) {
	if err := r.meter.check(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p[:min(len(p), 64<<10)])
	if r.meter.bytes += int64(n); r.meter.bytes > r.meter.budget.Bytes {
		return 0, tooManyBytes(r.meter.budget.Bytes)
	}
	return n, err
}

// addRelation counts a relationship.
func (m *meter) addRelation() error {
	if m.relations++; m.relations > m.budget.Relations {
		return tooMany("relationships", m.budget.Relations)
	}
	return nil
}

// addName counts a name that is kept in memory.
func (m *meter) addName(name string) error {
	if m.names += len(name); m.names > m.budget.Names {
		return tooMany("bytes of names", m.budget.Names)
	}
	return nil
}

// addString counts a shared string.
func (m *meter) addString() error {
	if m.strings++; m.strings > m.budget.Strings {
		return tooMany("shared strings", m.budget.Strings)
	}
	return nil
}

// addRow counts the places of a row and the bytes of its text.
func (m *meter) addRow(places, text int) error {
	if m.cells += places; m.cells > m.budget.Cells {
		return tooMany("cells", m.budget.Cells)
	}
	if m.text += int64(text); m.text > m.budget.Text {
		return exceeded("bytes of text", m.budget.Text, fmt.Sprintf("The cells have more than %d MB of text. "+
			"Remove what is not part of the roll, or upload it in parts.", m.budget.Text>>20))
	}
	return m.check()
}

// fitCell cuts the text of a cell to as many characters as a cell may have. Cut says
// whether what is left out shows anything.
func (m *meter) fitCell(text []byte) (fits []byte, cut bool) {
	if len(text) <= m.budget.Cell {
		return text, false // no text has more characters than bytes
	}
	at, left := 0, m.budget.Cell
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if left--; r > 0xFFFF {
			left-- // two units of UTF-16
		}
		if left < 0 {
			break
		}
		at += size
	}
	return text[:at], len(bytes.TrimSpace(text[at:])) > 0
}

// nameLongText makes the refusal of a cell of an error that says that a text is longer
// than the scanner holds.
func (m *meter) nameLongText(err error) error {
	if errors.Is(err, xmlscan.ErrLongText) {
		return cellTooLong(m.budget.Cell)
	}
	return err
}
