package workbook

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"rollcall.example/services/workbook/xls/xlstest"
)

func init() { maps.Copy(hostileKinds, hostileXLS) }

const (
	recContinue = 0x003C
	recPicture  = 0x00EC
	recLabelSST = 0x00FD
	recNumber   = 0x0203
	recLabel    = 0x0204
)

// xlsOf is an old workbook of one sheet, with more records in front of it.
func xlsOf(globals, sst []byte, records ...[]byte) hostileFile {
	return hostileFile{raw: xlstest.Book{Globals: globals, Strings: sst, Sheets: []xlstest.Sheet{
		{Name: "Roll", Records: slices.Concat(records...)}}}.Bytes()}
}

// goodCells are a header and a row.
var goodCells = slices.Concat(xlstest.Record(recLabel, 0, 0, 0, xlstest.String("ID Number")),
	xlstest.Record(recLabel, 1, 0, 0, xlstest.String("8001015009087")))

// fill repeats a record up to so many megabytes, and no more than intake takes.
func fill(mb int, record []byte) []byte {
	return bytes.Repeat(record, max(1, min(mb, 44)<<20/len(record)))
}

// numbers are numbers in cells which where tells, up to so many megabytes.
func numbers(mb int, where func(i int) (row, column int)) []byte {
	const size = 18
	var all []byte
	for i := range min(mb, 44) << 20 / size {
		row, column := where(i)
		all = append(all, xlstest.Record(recNumber, row, column, 0, float64(i))...)
	}
	return all
}

// hostileXLS make old workbooks of a kind.
var hostileXLS = map[string]func(r *rand.Rand, mb int) hostileFile{
	"old: short shared strings": func(r *rand.Rand, mb int) hostileFile {
		sst := xlstest.Record(0x00FC, uint32(1), uint32(1))
		sst = append(sst, fill(mb, xlstest.Record(recContinue, bytes.Repeat([]byte{1, 0, 0, 'a'}, 2000)))...)
		return xlsOf(nil, sst, goodCells, xlstest.Record(recLabelSST, 2, 0, 0, uint32(1<<31)))
	},
	"old: long shared strings": func(r *rand.Rand, mb int) hostileFile {
		sst := xlstest.Record(0x00FC, uint32(1), uint32(1))
		string := append(xlstest.Record(recContinue, 0xFFFF, byte(0), strings.Repeat("\xFF", 8000)),
			bytes.Repeat(xlstest.Record(recContinue, byte(0), strings.Repeat("\xFF", 8000)), 7)...)
		last := xlstest.Record(recContinue, byte(0), strings.Repeat("\xFF", 0xFFFF-64_000))
		return xlsOf(nil, append(sst, fill(mb, append(string, last...))...), goodCells,
			xlstest.Record(recLabelSST, 2, 0, 0, uint32(1<<31)))
	},
	"old: one shared string in all cells": func(r *rand.Rand, mb int) hostileFile {
		var cells []byte
		for i := range min(mb, 44) << 20 / 14 {
			cells = append(cells, xlstest.Record(recLabelSST, 2+i/30%65_000, i%30, 0, uint32(0))...)
		}
		return xlsOf(nil, xlstest.Shared(8000, strings.Repeat("a", 32_000)), goodCells, cells)
	},
	"old: shared strings out of order": func(r *rand.Rand, mb int) hostileFile {
		sst := xlstest.Record(0x00FC, uint32(1), uint32(1))
		piece := append(xlstest.Record(0, 84, byte(0))[4:], strings.Repeat("ab ", 28)...)
		sst = append(sst, fill(mb/2, xlstest.Record(recContinue, bytes.Repeat(piece, 90)))...)
		var cells []byte
		for i := range 60_000 {
			cells = append(cells, xlstest.Record(recLabelSST, 2+i, 0, 0, uint32(r.IntN(max(1, min(mb/2, 40)<<20/90))))...)
		}
		return xlsOf(nil, sst, goodCells, cells)
	},
	"old: endless empty records": func(r *rand.Rand, mb int) hostileFile {
		return xlsOf(nil, append(xlstest.Record(0x00FC, uint32(1), uint32(1), 0xFFFF, byte(1)),
			fill(mb, xlstest.Record(recContinue))...), goodCells, xlstest.Record(recLabelSST, 2, 0, 0, uint32(0)))
	},
	"old: endless pronunciation": func(r *rand.Rand, mb int) hostileFile {
		sst := xlstest.Record(0x00FC, uint32(1), uint32(1), 1, byte(12), 0xFFFF, uint32(0xFFFFFFFF), "a")
		return xlsOf(nil, append(sst,
			fill(mb, xlstest.Record(recContinue, make([]byte, 1+r.IntN(9000))))...), goodCells,
			xlstest.Record(recLabelSST, 2, 0, 0, uint32(1)))
	},
	"old: cells in any order": func(r *rand.Rand, mb int) hostileFile {
		return xlsOf(nil, nil, goodCells, numbers(mb, func(int) (row, column int) { return r.IntN(65_536), r.IntN(256) }))
	},
	"old: cells column by column": func(_ *rand.Rand, mb int) hostileFile {
		return xlsOf(nil, nil, goodCells, numbers(mb, func(i int) (row, column int) { return i % 60_000, i / 60_000 }))
	},
	"old: cells in one place": func(_ *rand.Rand, mb int) hostileFile {
		return xlsOf(nil, nil, goodCells, numbers(mb, func(int) (row, column int) { return 2, 3 }))
	},
	"old: far columns": func(_ *rand.Rand, mb int) hostileFile {
		return xlsOf(nil, nil, goodCells, numbers(mb, func(i int) (row, column int) { return min(2+i, 65_535), 255 }))
	},
	"old: blank cells": func(_ *rand.Rand, mb int) hostileFile {
		var cells []byte
		for row := range min(mb<<20/522, 65_536) {
			cells = append(cells, xlstest.Record(0x00BE, row, 0, make([]byte, 512), 255)...)
		}
		return xlsOf(nil, nil, cells)
	},
	"old: a row of texts": func(r *rand.Rand, mb int) hostileFile {
		text := xlstest.Record(recLabel, 2, r.IntN(256), 0, 30_000, byte(0), strings.Repeat("\xFF", 30_000))
		return xlsOf(nil, nil, goodCells, fill(mb, text))
	},
	"old: results of formulas": func(_ *rand.Rand, mb int) hostileFile {
		formula := xlstest.Record(0x0006, 2, 3, 0, 0, uint32(0), 0xFFFF, 0, uint32(0), 0)
		text := xlstest.Record(0x0207, 60_000, byte(1))
		more := xlstest.Record(recContinue, byte(1), strings.Repeat("\xFF", 7))
		return xlsOf(nil, nil, goodCells, formula, text, fill(mb, more))
	},
	"old: formulas that share": func(_ *rand.Rand, mb int) hostileFile {
		formula := xlstest.Record(0x0006, 2, 3, 0, 0, uint32(0), 0xFFFF, 0, uint32(0), 0)
		return xlsOf(nil, nil, goodCells, formula, fill(mb, xlstest.Record(0x04BC)))
	},
	"old: pictures": func(_ *rand.Rand, mb int) hostileFile {
		return xlsOf(nil, nil, fill(mb, xlstest.Record(recPicture, make([]byte, 8000))), goodCells)
	},
	"old: sheets inside of sheets": func(_ *rand.Rand, mb int) hostileFile {
		begin := xlstest.Record(0x0809, 0x0600, 0x0010, 0, 0, uint32(0), uint32(0))
		const sheets = 900
		f := func(at int) []byte {
			globals := xlstest.Record(0x0809, 0x0600, 0x0005, 0, 0, uint32(0), uint32(0))
			for i := range sheets {
				globals = append(globals, xlstest.Record(0x0085, uint32(at+i*len(begin)), 0, byte(1), byte(0), "S")...)
			}
			return append(globals, xlstest.Record(0x000A)...)
		}
		rows := fill(mb, xlstest.Record(0x0208, make([]byte, 16)))
		stream := slices.Concat(f(len(f(0))), bytes.Repeat(begin, sheets), rows,
			bytes.Repeat(xlstest.Record(0x000A), sheets))
		return hostileFile{raw: xlstest.Container(xlstest.Stream{Name: "Workbook", Data: stream})}
	},
	"old: formats of numbers": func(_ *rand.Rand, mb int) hostileFile {
		var globals []byte
		for i := range 65_536 {
			globals = append(globals, xlstest.Record(0x041E, i, xlstest.String(strings.Repeat("[", min(mb, 44)*8)))...)
		}
		return xlsOf(globals, nil, goodCells)
	},
	"old: styles": func(_ *rand.Rand, mb int) hostileFile {
		return xlsOf(fill(mb, xlstest.Record(0x00E0, 0, 14)), nil, goodCells)
	},
	"old: a long directory": func(_ *rand.Rand, mb int) hostileFile {
		streams := slices.Repeat([]xlstest.Stream{{Name: "Other"}}, min(mb, 44)<<20/128)
		return hostileFile{raw: xlstest.Container(append(streams, xlstest.Stream{Name: "Workbook", Data: goodCells})...)}
	},
	"old: a stream backwards": func(_ *rand.Rand, mb int) hostileFile {
		pictures := fill(mb, xlstest.Record(recPicture, make([]byte, 8000)))
		return hostileFile{raw: turn(xlsOf(nil, nil, goodCells, pictures).raw)}
	},
	"old: a circle of sectors": func(r *rand.Rand, mb int) hostileFile {
		data := xlsOf(nil, nil, goodCells, fill(mb, xlstest.Record(recPicture, make([]byte, 8000)))).raw
		table := 512 + 512*int(binary.LittleEndian.Uint32(data[76:]))
		at := r.IntN(len(data) / 600)
		binary.LittleEndian.PutUint32(data[table+4*at:], uint32(r.IntN(at+1)))
		return hostileFile{raw: data}
	},
	"old: a roll": func(_ *rand.Rand, mb int) hostileFile {
		var cells []byte
		for row := range min(mb<<20/160, 65_000) {
			cells = append(cells, xlstest.Record(recNumber, 2+row, 0, 0, 8001015009087.0)...)
			for column := range 10 {
				cells = append(cells, xlstest.Record(recLabelSST, 2+row, 1+column, 0, uint32(column%2))...)
			}
		}
		return xlsOf(nil, xlstest.Shared(8000, "Thabo", "Mokoena"), goodCells, cells)
	},
}

// turn stores the first stream of a container backwards.
func turn(data []byte) []byte {
	put, get := binary.LittleEndian.PutUint32, binary.LittleEndian.Uint32
	table, dir := 512+512*int(get(data[76:])), 512+512*int(get(data[48:]))
	n := (int(get(data[dir+128+120:])) + 511) / 512
	first := bytes.Clone(data[512 : 512+512*n])
	for i := range n {
		copy(data[512+512*(n-1-i):], first[512*i:512*(i+1)])
		put(data[table+4*i:], uint32(i-1))
	}
	put(data[table:], 0xFFFFFFFE)
	put(data[dir+128+116:], uint32(n-1))
	return data
}
