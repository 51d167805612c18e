package workbook

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// The reading library makes room for what a file merely claims: a cell in
// column ZZZZZZ, a row that spans a billion columns, a table of a billion
// strings. Running out of memory is no panic that could be caught, so the parts
// are looked through for such claims before the library sees them.
const (
	// maxSlots is the most places for cells, those left of a row's last cell
	// included, that a workbook may need: 8 bytes each.
	maxSlots = 50_000_000
	// maxTall is the sum of the sheets' last rows: each is walked to, row by row.
	maxTall = 4 * maxRows
	// maxFormula bounds what the copies of shared formulas take, in bytes.
	maxFormula = 256 << 20
	// maxTag is the longest text without a '>', in bytes.
	maxTag = 4 << 20
)

// claims counts what the parts of a workbook ask for.
type claims struct {
	unpacked int64 // of all parts, bytes
	slots    int
	widest   int // of the row being looked at
	tall     int // rows of the sheets before
	lowest   int // row of the sheet being looked at
	row      int // number of the row being looked at
	// formula is the longest formula, open the length of the one being looked
	// at, -1 outside of one, shared the number of cells that may share one.
	formula, open, shared int
}

func guard(zr *zip.Reader) error {
	c := claims{open: -1}
	for _, part := range zr.File {
		c.unpacked += int64(part.UncompressedSize64)
	}
	for _, part := range zr.File {
		name := strings.ReplaceAll(part.Name, `\`, "/")
		sheet := strings.HasPrefix(name, "xl/worksheets") && !strings.HasSuffix(name, ".rels")
		// The library takes any part of this name, wherever it lies.
		if !sheet && path.Base(part.Name) != "sharedStrings.xml" {
			continue
		}
		if err := c.scan(part); err != nil {
			return err
		}
	}
	return nil
}

func (c *claims) scan(part *zip.File) error {
	rc, err := part.Open()
	if err != nil {
		return unreadable(err)
	}
	defer rc.Close()
	scanner := bufio.NewScanner(rc)
	scanner.Buffer(make([]byte, 64<<10), maxTag)
	scanner.Split(splitTags)
	for scanner.Scan() {
		if err := c.tag(scanner.Bytes()); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return unreadable(fmt.Errorf("scan %s: %w", path.Base(part.Name), err))
	}
	c.endRow()
	c.tall += c.lowest
	c.lowest, c.row = 0, 0
	return nil
}

func (c *claims) tag(piece []byte) error {
	tag, name := piece, "" // where a '>' in an attribute cut a tag in two
	if i := bytes.LastIndexByte(piece, '<'); i >= 0 {
		tag = piece[i+1:]
		name = tagName(tag)
	}
	if c.open >= 0 {
		c.open += len(piece) + 1
	}
	switch name {
	case "row":
		c.endRow()
	case "f":
		if bytes.IndexByte(tag, '=') >= 0 {
			c.shared++
		}
		if !bytes.HasSuffix(tag, []byte("/")) {
			c.open = 0
		}
	case "/f":
		c.formula = max(c.formula, c.open)
		c.open = -1
	}
	if c.formula > 0 && c.shared > maxFormula/c.formula {
		return tooMuch("shared formulas")
	}
	return c.attributes(tag, name)
}

// attributes looks at those of a tag that ask for room; where a tag was cut in
// two, its name is not known.
func (c *claims) attributes(tag []byte, name string) error {
	if (name == "c" || name == "row") && !placed(tag) {
		return fault(CodeUnreadable, "The workbook does not say where its cells stand. Open it in a spreadsheet program, "+
			"save it as a new .xlsx file and upload that.", fmt.Errorf("a <%s> without a reference", name))
	}
	if name == "c" || name == "row" || name == "" {
		for value := range values(tag, "r") {
			column, row, ok := position(value)
			if !ok {
				return unreadable(errors.New("a cell reference out of range"))
			}
			if name == "row" && row <= c.row {
				return unreadable(errors.New("a row that is out of order or there twice"))
			}
			if name == "row" {
				c.row = row
			}
			c.widest, c.lowest = max(c.widest, column), max(c.lowest, row)
		}
	}
	if name == "row" || name == "" {
		for value := range values(tag, "spans") {
			_, last, _ := strings.Cut(value, ":")
			last, _, _ = strings.Cut(last, " ")
			n, err := strconv.Atoi(last)
			if value != "" && (err != nil || n < 0 || n > maxColumns) {
				return unreadable(errors.New("a row span out of range"))
			}
			c.widest = max(c.widest, n)
		}
	}
	if name == "sst" || name == "" {
		for value := range values(tag, "count") {
			if !c.plausibleStrings(value) {
				return unreadable(errors.New("a count of strings out of range"))
			}
		}
	}
	if c.slots+c.widest > maxSlots {
		return tooMuch("cells")
	}
	if c.tall+c.lowest > maxTall {
		return tooMuch("rows")
	}
	return nil
}

// placed says whether a row or a cell says where it stands. The format lets it be
// left out, but the library skips such cells and lays such rows over each other.
func placed(tag []byte) bool {
	for value := range values(tag, "r") {
		if value != "" {
			return true
		}
	}
	return false
}

func (c *claims) endRow() {
	c.slots += c.widest
	c.widest = 0
}

// plausibleStrings says whether n uses of shared strings can stand in the file,
// each of which takes a cell of at least 16 bytes.
func (c *claims) plausibleStrings(n string) bool {
	count, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
	return err == nil && count >= 0 && count <= c.unpacked/16+16
}

func tooMuch(what string) *Error {
	return fault(CodeTooLarge, "The workbook has too many "+what+
		". Copy the rows of the roll into a new workbook and upload that.", nil)
}

func unreadable(cause error) *Error {
	return fault(CodeUnreadable, "The workbook cannot be read. Open it in a spreadsheet program, "+
		"save it as a new .xlsx file and upload that.", cause)
}
