package xls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// magic begins a container: [MS-CFB] 2.2, Header Signature.
var magic = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

const (
	headerSize = 512
	// maxSector is the highest number of a sector: [MS-CFB] 2.1. Those above mark the end
	// of a chain and what is not used.
	maxSector = 0xFFFFFFFA
)

// container is a compound file: a file system in a file. Its sectors are chained by a
// table, the FAT, of which nothing can be trusted.
type container struct {
	src   io.ReaderAt
	shift uint  // of a sector's size
	first int64 // offset of sector 0
	total int   // sectors in the file
	fat   []uint32

	header [headerSize]byte
}

// openContainer reads the header and the table of sectors.
func openContainer(src io.ReaderAt, size int64) (*container, error) {
	c := &container{src: src}
	if err := readFull(src, c.header[:], 0); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(c.header[:], magic) {
		return nil, errors.New("no container")
	}
	// Sectors have 512 or 4,096 bytes; some programs write others.
	if c.shift = uint(le16(c.header[30:])); c.shift < 7 || c.shift > 16 {
		return nil, errors.New("the sectors have no possible size")
	}
	c.first = max(headerSize, int64(1)<<c.shift)
	if size <= c.first {
		return nil, io.ErrUnexpectedEOF
	}
	c.total = int((size - c.first + 1<<c.shift - 1) >> c.shift)
	return c, c.readTable()
}

// readTable reads the FAT: [MS-CFB] 2.3 and 2.5. The sectors that hold it are listed in
// the header and, where that is full, in a chain of sectors of their own.
func (c *container) readTable() error {
	perSector := 1 << c.shift / 4
	needed := (c.total + perSector - 1) / perSector
	c.fat = make([]uint32, 0, needed*perSector)
	buf := make([]byte, 1<<c.shift)
	list, next := c.header[76:], le32(c.header[68:])
	for lists := 0; ; lists++ {
		for ; len(list) >= 4 && len(c.fat) < needed*perSector; list = list[4:] {
			n := le32(list)
			if n > maxSector {
				continue
			}
			if err := c.readSector(buf, n); err != nil {
				return err
			}
			for i := 0; i < len(buf); i += 4 {
				c.fat = append(c.fat, le32(buf[i:]))
			}
		}
		if next > maxSector || len(c.fat) == needed*perSector {
			return nil
		}
		if lists > c.total {
			return errChain
		}
		sector := make([]byte, len(buf))
		if err := c.readSector(sector, next); err != nil {
			return err
		}
		list, next = sector[:len(sector)-4], le32(sector[len(sector)-4:])
	}
}

// readSector reads a sector. What a file that was cut off lacks of it is zero.
func (c *container) readSector(buf []byte, n uint32) error {
	if int64(n) >= int64(c.total) {
		return io.ErrUnexpectedEOF
	}
	read, err := c.src.ReadAt(buf, c.first+int64(n)<<c.shift)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	clear(buf[read:])
	return nil
}

// chain returns the sectors of a chain, at most so many.
func (c *container) chain(start uint32, most int) ([]uint32, error) {
	var sectors []uint32
	for n := start; n <= maxSector && int64(n) < int64(c.total) && len(sectors) < most; {
		if len(sectors) == c.total {
			return nil, errChain
		}
		sectors = append(sectors, n)
		if int64(n) >= int64(len(c.fat)) {
			break
		}
		n = c.fat[n]
	}
	return sectors, nil
}

// open returns the stream that begins at a sector of the file. A negative size is that of
// its sectors.
func (c *container) open(start uint32, size int64) (*stream, error) {
	most := c.total + 1
	if size >= 0 {
		most = int(min(int64(most), (size+1<<c.shift-1)>>c.shift))
	}
	sectors, err := c.chain(start, most)
	if err != nil {
		return nil, err
	}
	s := &stream{base: c.src, first: c.first, shift: c.shift, sectors: sectors}
	s.size = int64(len(sectors)) << c.shift
	if size >= 0 {
		s.size = min(s.size, size)
	}
	return s, nil
}

// openMini returns a short stream: [MS-CFB] 2.4. It lies in small sectors inside the
// stream of the root, which have a table of their own.
func (c *container) openMini(root, start uint32, size int64) (*stream, error) {
	base, err := c.open(root, -1)
	if err != nil {
		return nil, err
	}
	table, err := c.open(le32(c.header[60:]), -1)
	if err != nil {
		return nil, err
	}
	const shift = 6
	s := &stream{base: base, shift: shift}
	for n := start; n <= maxSector && int64(len(s.sectors))<<shift < size; {
		s.sectors = append(s.sectors, n)
		var entry [4]byte
		if err := readFull(table, entry[:], int64(n)*4); err != nil {
			break // the last one that is there
		}
		n = le32(entry[:])
	}
	s.size = min(size, int64(len(s.sectors))<<shift)
	return s, nil
}

// stream is a file in a container.
type stream struct {
	base    io.ReaderAt
	first   int64 // offset of sector 0 in base
	shift   uint
	sectors []uint32
	size    int64
}

// ReadAt implements io.ReaderAt. Sectors that follow one another are read at once.
func (s *stream) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		if at < 0 || at >= s.size {
			return n, io.EOF
		}
		i := at >> s.shift
		run := i + 1
		for run < int64(len(s.sectors)) && s.sectors[run] == s.sectors[run-1]+1 && run<<s.shift < at+int64(len(p)-n) {
			run++
		}
		want := min(int64(len(p)-n), s.size-at, run<<s.shift-at)
		begin := s.first + int64(s.sectors[i])<<s.shift + at&(1<<s.shift-1)
		read, err := s.base.ReadAt(p[n:n+int(want)], begin)
		n, at = n+read, at+int64(read)
		if read < int(want) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.EOF
			}
			return n, err
		}
	}
	return n, nil
}

// readFull fills p, or fails with io.ErrUnexpectedEOF.
func readFull(src io.ReaderAt, p []byte, at int64) error {
	n, err := src.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
