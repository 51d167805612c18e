package xls

import (
	"errors"
	"io"
	"strings"
	"unicode/utf16"
)

// entry is an entry of the directory: [MS-CFB] 2.6.1.
type entry struct {
	name               string // in lower case
	kind               byte
	left, right, child uint32
	start              uint32
	size               int64
}

const (
	entrySize  = 128
	kindStream = 2
)

// others are the streams that tell what a container is that holds no workbook.
var others = map[string]string{
	"worddocument":              "a Word document",
	"powerpoint document":       "a PowerPoint presentation",
	"visiodocument":             "a Visio drawing",
	"__properties_version1.0":   "an Outlook message",
	"wpsmain":                   "a document of another program",
	"\x05hwpsummaryinformation": "a document of another program",
	"contents":                  "a document of another program",
}

// openWorkbook finds the stream that holds the workbook: [MS-XLS] 2.1.2. Excel 97 calls it
// Workbook, Excel 5 Book; a file for both has both.
func (c *container) openWorkbook(limit int) (*stream, error) {
	dir, err := c.open(le32(c.header[48:]), -1)
	if err != nil {
		return nil, err
	}
	var root entry
	if err := root.read(dir, 0); err != nil {
		return nil, err
	}
	found, err := walk(dir, root.child, limit)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		// Some programs leave out the tree. Objects that are embedded in the workbook have
		// streams of the same names, but behind its own.
		if found, err = list(dir, limit); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"workbook", "book"} {
		e, ok := found[name]
		if !ok {
			continue
		}
		if e.size < int64(le32(c.header[56:])) {
			return c.openMini(root.start, e.start, e.size)
		}
		return c.open(e.start, e.size)
	}
	if _, ok := found["encryptedpackage"]; ok {
		return nil, ErrPassword // [MS-OFFCRYPTO] 2.3: an .xlsx file, encrypted
	}
	for name, what := range others {
		if _, ok := found[name]; ok {
			return nil, &KindError{what}
		}
	}
	return nil, &KindError{"a document of another program"}
}

// walk returns the streams in the tree below a node: [MS-CFB] 2.6.4. The tree is not
// sorted by every program, and may have circles.
func walk(dir *stream, node uint32, limit int) (map[string]entry, error) {
	found, seen, todo := map[string]entry{}, map[uint32]bool{}, []uint32{node}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n > maxSector || seen[n] || int64(n) >= dir.size/entrySize {
			continue
		}
		if len(seen) == limit {
			return nil, &LimitError{"parts", limit}
		}
		seen[n] = true
		var e entry
		if err := e.read(dir, n); err != nil {
			return nil, err
		}
		e.note(found)
		todo = append(todo, e.left, e.right)
	}
	return found, nil
}

// list returns the streams in the order of the directory.
func list(dir *stream, limit int) (map[string]entry, error) {
	found := map[string]entry{}
	for n := uint32(0); ; n++ {
		var e entry
		err := e.read(dir, n)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if int(n) == limit {
			return nil, &LimitError{"parts", limit}
		}
		e.note(found)
	}
}

// note adds a stream, unless there is one of its name.
func (e *entry) note(found map[string]entry) {
	if _, twice := found[e.name]; !twice && e.kind == kindStream {
		found[e.name] = *e
	}
}

// read reads entry n.
func (e *entry) read(dir *stream, n uint32) error {
	var b [entrySize]byte
	if err := readFull(dir, b[:], int64(n)*entrySize); err != nil {
		return err
	}
	length := min(int(le16(b[64:])), 64) / 2 // with a zero at the end
	name := make([]uint16, length)
	for i := range name {
		name[i] = le16(b[2*i:])
	}
	*e = entry{name: strings.ToLower(strings.TrimRight(string(utf16.Decode(name)), "\x00")), kind: b[66],
		left: le32(b[68:]), right: le32(b[72:]), child: le32(b[76:]), start: le32(b[116:]),
		// The upper half is to be ignored in containers of small sectors, and none can have
		// so much.
		size: int64(le32(b[120:]))}
	return nil
}
