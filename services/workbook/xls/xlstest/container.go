package xlstest

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
)

// Stream is a file in a container.
type Stream struct {
	Name string
	Data []byte
}

const (
	sectorSize = 512
	miniSize   = 64
	cutoff     = 4096 // shorter streams are in small sectors
	free       = 0xFFFFFFFF
	endOfChain = 0xFFFFFFFE
	tableMark  = 0xFFFFFFFD
	none       = 0xFFFFFFFF
	inHeader   = 109 // sectors of the table that the header can list
)

// container is a compound file in the making.
type container struct {
	sectors []byte
	table   []uint32
}

// add adds a chain of sectors and returns the first one.
func (c *container) add(data []byte) uint32 {
	if len(data) == 0 {
		return endOfChain
	}
	first := uint32(len(c.table))
	count := (len(data) + sectorSize - 1) / sectorSize
	for i := range count {
		c.table = append(c.table, first+uint32(i)+1)
	}
	c.table[len(c.table)-1] = endOfChain
	c.sectors = append(c.sectors, data...)
	c.sectors = append(c.sectors, make([]byte, count*sectorSize-len(data))...)
	return first
}

// Container puts streams into a compound file.
func Container(streams ...Stream) []byte {
	c := &container{}
	var mini []byte
	var miniTable []uint32
	dir := entry("Root Entry", 5, 1, endOfChain, 0)
	if len(streams) == 0 {
		dir = entry("Root Entry", 5, none, endOfChain, 0)
	}
	for i, s := range streams {
		start := uint32(0)
		if len(s.Data) >= cutoff {
			start = c.add(s.Data)
		} else {
			start = uint32(len(miniTable))
			count := (len(s.Data) + miniSize - 1) / miniSize
			for j := range count {
				miniTable = append(miniTable, start+uint32(j)+1)
			}
			if count > 0 {
				miniTable[len(miniTable)-1] = endOfChain
			} else {
				start = endOfChain
			}
			mini = append(mini, s.Data...)
			mini = append(mini, make([]byte, count*miniSize-len(s.Data))...)
		}
		e := entry(s.Name, 2, none, start, len(s.Data))
		if i+1 < len(streams) {
			binary.LittleEndian.PutUint32(e[72:], uint32(i)+2) // the right one
		}
		dir = append(dir, e...)
	}
	root := c.add(mini)
	binary.LittleEndian.PutUint32(dir[116:], root)
	binary.LittleEndian.PutUint32(dir[120:], uint32(len(mini)))
	for len(dir)%sectorSize != 0 {
		dir = append(dir, entry("", 0, none, 0, 0)...)
	}
	dirStart := c.add(dir)
	for len(miniTable)%(sectorSize/4) != 0 {
		miniTable = append(miniTable, free)
	}
	miniStart := c.add(numbers(miniTable))
	return c.finish(dirStart, miniStart, len(miniTable)*4/sectorSize)
}

// finish adds the table and the header.
func (c *container) finish(dirStart, miniStart uint32, miniCount int) []byte {
	const perSector = sectorSize / 4
	tables, lists := 0, 0
	for {
		need := (len(c.table) + tables + lists + perSector - 1) / perSector
		more := max(0, need-inHeader+perSector-2) / (perSector - 1)
		if need == tables && more == lists {
			break
		}
		tables, lists = need, more
	}
	first := uint32(len(c.table))
	var where []uint32
	for i := range tables {
		where = append(where, first+uint32(i))
		c.table = append(c.table, tableMark)
	}
	listStart := uint32(endOfChain)
	var listed []uint32
	for i := range lists {
		if i == 0 {
			listStart = uint32(len(c.table))
		}
		c.table = append(c.table, endOfChain-2)
		rest := where[min(len(where), inHeader+i*(perSector-1)):]
		sector := slices.Repeat([]uint32{free}, perSector)
		copy(sector[:perSector-1], rest)
		sector[perSector-1] = endOfChain
		if i+1 < lists {
			sector[perSector-1] = uint32(len(c.table))
		}
		listed = append(listed, sector...)
	}
	for len(c.table)%perSector != 0 {
		c.table = append(c.table, free)
	}
	header := make([]byte, sectorSize)
	copy(header, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	put := binary.LittleEndian.PutUint16
	put(header[24:], 0x3E)
	put(header[26:], 3)
	put(header[28:], 0xFFFE)
	put(header[30:], 9)
	put(header[32:], 6)
	for at, n := range map[int]uint32{44: uint32(tables), 48: dirStart, 56: cutoff, 60: miniStart, 64: uint32(miniCount),
		68: listStart, 72: uint32(lists)} {
		binary.LittleEndian.PutUint32(header[at:], n)
	}
	head := slices.Repeat([]uint32{free}, inHeader)
	copy(head, where)
	copy(header[76:], numbers(head))
	return slices.Concat(header, c.sectors, numbers(c.table), numbers(listed))
}

// entry is an entry of the directory.
func entry(name string, kind byte, child, start uint32, size int) []byte {
	e := make([]byte, 128)
	units := utf16.Encode([]rune(name))
	for i, u := range units {
		binary.LittleEndian.PutUint16(e[2*i:], u)
	}
	if name != "" {
		binary.LittleEndian.PutUint16(e[64:], uint16(2*len(units)+2))
	}
	e[66], e[67] = kind, 1
	for at, n := range map[int]uint32{68: none, 72: none, 76: child, 116: start, 120: uint32(size)} {
		binary.LittleEndian.PutUint32(e[at:], n)
	}
	return e
}

func numbers(all []uint32) []byte {
	var b []byte
	for _, n := range all {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}
