package workbook

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// repeated is a text of which the middle occurs many times. It is compressed once, so
// that gigabytes are made in no time.
type repeated struct {
	head, middle, tail string
	times              int
}

func text(s string) repeated { return repeated{head: s} }

// compressor is used again: to make one takes longer than to compress a small part.
var compressor = func() *flate.Writer {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is right or not
	}
	return w
}()

// deflated compresses the text and returns its checksum and size.
func (r repeated) deflated() (data []byte, sum uint32, size uint64) {
	piece := func(s string, last bool) []byte {
		var buf bytes.Buffer
		compressor.Reset(&buf)
		_, err := io.WriteString(compressor, s)
		if err == nil && last {
			err = compressor.Close()
		} else if err == nil {
			err = compressor.Flush() // the next piece begins at a byte and refers to nothing before it
		}
		if err != nil {
			panic(err) // there is no disk that can be full
		}
		return buf.Bytes()
	}
	data = piece(r.head, false)
	sum = crc32.ChecksumIEEE([]byte(r.head))
	middle := piece(r.middle, false)
	for range r.times {
		data = append(data, middle...)
		sum = crc32.Update(sum, crc32.IEEETable, []byte(r.middle))
	}
	sum = crc32.Update(sum, crc32.IEEETable, []byte(r.tail))
	return append(data, piece(r.tail, true)...), sum, uint64(len(r.head) + r.times*len(r.middle) + len(r.tail))
}

// bytes returns the text as it is.
func (r repeated) bytes() []byte {
	return []byte(r.head + strings.Repeat(r.middle, r.times) + r.tail)
}

// hostileFile is a file that takes more than it should. The archive has padding, so that
// the ratio does not refuse it before it is read.
type hostileFile struct {
	parts   map[string]repeated
	padding int
	csv     *repeated // instead of parts
	raw     []byte    // instead of both
}

// build writes the archive or the text.
func (f hostileFile) build(r *rand.Rand) []byte {
	if f.raw != nil {
		return f.raw
	}
	if f.csv != nil {
		return f.csv.bytes()
	}
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	add := func(name string, method uint16, data []byte, sum uint32, size uint64) {
		w, err := zw.CreateRaw(&zip.FileHeader{Name: name, Method: method, CRC32: sum,
			CompressedSize64: uint64(len(data)), UncompressedSize64: size})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			panic(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.parts)) {
		if f.parts[name] == (repeated{}) {
			add(name, zip.Store, nil, 0, 0)
			continue
		}
		data, sum, size := f.parts[name].deflated()
		add(name, zip.Deflate, data, sum, size)
	}
	if f.padding > 0 {
		noise := make([]byte, f.padding)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		add("docProps/thumbnail.jpeg", zip.Store, noise, crc32.ChecksumIEEE(noise), uint64(len(noise)))
	}
	if err := zw.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// sheetOf is a workbook of one sheet with these rows.
func sheetOf(padding int, rows repeated, change ...func(map[string]repeated)) hostileFile {
	parts := map[string]repeated{}
	for name, content := range minimalParts("") {
		parts[name] = text(content)
	}
	rows.head = `<worksheet><sheetData>` + rows.head
	rows.tail += `</sheetData></worksheet>`
	parts[sheet1] = rows
	for _, c := range change {
		c(parts)
	}
	return hostileFile{parts: parts, padding: padding}
}

func inPart(name string, r repeated) func(map[string]repeated) {
	return func(parts map[string]repeated) { parts[name] = r }
}

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

const (
	goodRows = `<row><c t="inlineStr"><is><t>ID Number</t></is></c></row>` +
		`<row><c t="inlineStr"><is><t>8001015009087</t></is></c></row>`
	relsPart   = "xl/_rels/workbook.xml.rels"
	stringPart = "xl/sharedStrings.xml"
)

// hostileKinds make a file of a kind; mb is how many megabytes it unpacks to, about.
var hostileKinds = map[string]func(r *rand.Rand, mb int) hostileFile{
	"empty shared strings": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: fmt.Sprintf(`<row><c t="s"><v>%d</v></c></row>`, mb<<20/5-2) + goodRows},
			inPart(stringPart, repeated{"<sst>", strings.Repeat("<si/>", 1<<18), "</sst>", mb << 20 / 5 >> 18}))
	},
	"short shared strings": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: `<row><c t="s"><v>9999998</v></c></row>` + goodRows},
			inPart(stringPart, repeated{"<sst>", numbered(1<<16, "<si><t>%x</t></si>"), "</sst>", mb}))
	},
	"long shared strings": func(r *rand.Rand, mb int) hostileFile {
		si := "<si><t>" + strings.Repeat("a", 1+r.IntN(60_000)) + "</t></si>"
		return sheetOf(mb<<20/150, repeated{head: fmt.Sprintf(`<row><c t="s"><v>%d</v></c></row>`, mb<<20/len(si)-1)},
			inPart(stringPart, repeated{"<sst>", si, "</sst>", mb << 20 / len(si)}))
	},
	"one shared string in all cells": func(r *rand.Rand, mb int) hostileFile {
		row := "<row>" + strings.Repeat(`<c t="s"><v>0</v></c>`, 1+r.IntN(30)) + "</row>"
		return sheetOf(mb<<20/150, repeated{goodRows, row, "", 1_000_000},
			inPart(stringPart, text("<sst><si><t>"+strings.Repeat("a", 32_000)+"</t></si></sst>")))
	},
	"shared strings out of order": func(r *rand.Rand, mb int) hostileFile {
		var rows strings.Builder
		for range 20_000 {
			fmt.Fprintf(&rows, `<row><c t="s"><v>%d</v></c></row>`, r.IntN(min(mb, 40)<<20/100))
		}
		return sheetOf(mb<<20/150, repeated{head: goodRows, middle: rows.String(), times: 1}, inPart(stringPart,
			repeated{"<sst>", "<si><t>" + strings.Repeat("ab ", 28) + "</t></si>", "</sst>", mb << 20 / 100}))
	},
	"runs of rich text": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: `<row><c t="s"><v>0</v></c></row>` + goodRows},
			inPart(stringPart, repeated{"<sst><si>", strings.Repeat("<r><t/></r>", 1<<16), "</si></sst>", mb << 20 / 11 >> 16}))
	},
	"relationships": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: goodRows}, inPart(relsPart, repeated{"<Relationships>",
			numbered(400_000, `<Relationship Id="%x"/>`), "</Relationships>", 1 + mb/10}))
	},
	"long relationships": func(r *rand.Rand, mb int) hostileFile {
		relationship := `<Relationship Id="` + strings.Repeat("x", 900_000) +
			`" Target="` + strings.Repeat("y/", 40_000) + `"/>`
		return sheetOf(mb<<20/150, repeated{head: goodRows},
			inPart(relsPart, repeated{"<Relationships>", relationship, "</Relationships>", mb}))
	},
	"styles": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: goodRows}, inPart("xl/styles.xml",
			repeated{"<styleSheet><cellXfs>", strings.Repeat("<xf/>", 1<<18), "</cellXfs></styleSheet>", mb << 20 / 5 >> 18}))
	},
	"formats of numbers": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: goodRows}, inPart("xl/styles.xml", repeated{"<styleSheet><numFmts>",
			numbered(100_000, `<numFmt numFmtId="%d" formatCode="`+strings.Repeat("[", 300)+`"/>`),
			"</numFmts></styleSheet>", 1}))
	},
	"megabytes in a cell": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{"<row>", `<c t="inlineStr"><is><t>` + strings.Repeat("a", 3_900_000) +
			`</t></is></c>`, "</row>" + goodRows, mb / 4})
	},
	"full cells": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{"<row>", `<c t="inlineStr"><is><t>` + strings.Repeat("a", 32_767) +
			`</t></is></c>`, "</row>" + goodRows, min(mb<<20/33_000, maxColumns)})
	},
	"cells of references": func(r *rand.Rand, mb int) hostileFile {
		cell := `<c t="inlineStr"><is><t>` + strings.Repeat("&#x10FFFF;", 1+r.IntN(20_000)) + `</t></is></c>`
		return sheetOf(mb<<20/150, repeated{goodRows, "<row>" + cell + "</row>", "", mb << 20 / len(cell)})
	},
	"full rows": func(r *rand.Rand, mb int) hostileFile {
		row := "<row>" + strings.Repeat(`<c t="str"><v>`+strings.Repeat("b", 62)+`</v></c>`, maxColumns) + "</row>"
		return sheetOf(mb<<20/150, repeated{"", row, goodRows, max(mb<<20/len(row), 60)})
	},
	"blank rows": func(r *rand.Rand, mb int) hostileFile {
		row := "<row>" + strings.Repeat("<c/>", maxColumns) + "</row>"
		return sheetOf(mb<<20/150, repeated{"", row, goodRows, 20_000})
	},
	"headers": func(r *rand.Rand, mb int) hostileFile {
		row := "<row>" + strings.Repeat(`<c t="str"><v>ID Number of the member</v></c>`, maxColumns) + "</row>"
		return sheetOf(mb<<20/150, repeated{"", row, goodRows, max(mb<<20/len(row), 60)})
	},
	"sheets of one part": func(r *rand.Rand, mb int) hostileFile {
		f := sheetOf(0, repeated{head: "<row/>"}, inPart("xl/workbook.xml", repeated{`<workbook xmlns:r="r"><sheets>`,
			`<sheet name="S" r:id="rId1"/>`, `</sheets></workbook>`, 1000}))
		f.parts[sheet1] = repeated{"<worksheet>", strings.Repeat("<a/>", 1<<18), "<sheetData/></worksheet>", 60}
		return f
	},
	"many sheets": func(r *rand.Rand, mb int) hostileFile {
		f := sheetOf(mb<<20/150, repeated{head: "<row/>"})
		f.parts["xl/workbook.xml"] = text(`<workbook xmlns:r="r"><sheets>` +
			numbered(1100, `<sheet name="S" r:id="s%d"/>`) + `</sheets></workbook>`)
		f.parts[relsPart] = text("<Relationships>" +
			numbered(1100, `<Relationship Id="s%[1]d" Type="/worksheet" Target="s%[1]d.xml"/>`) + "</Relationships>")
		for i := range 1000 + r.IntN(2)*100 {
			f.parts[fmt.Sprintf("xl/s%d.xml", i)] = repeated{"<worksheet>", strings.Repeat("<a/>", 1<<14),
				"<sheetData/></worksheet>", mb / 64}
		}
		return f
	},
	"elements before the rows": func(r *rand.Rand, mb int) hostileFile {
		f := sheetOf(mb<<20/150, repeated{})
		f.parts[sheet1] = repeated{"<worksheet>", strings.Repeat("<a/>", 1<<18), "<sheetData>" + goodRows +
			"</sheetData></worksheet>", mb}
		return f
	},
	"merged cells": func(r *rand.Rand, mb int) hostileFile {
		f := sheetOf(mb<<20/150, repeated{})
		f.parts[sheet1] = repeated{"<worksheet><sheetData>" + goodRows + "</sheetData><mergeCells>",
			numbered(20_000, `<mergeCell ref="A1:B%d"/>`), "</mergeCells></worksheet>", mb * 2}
		return f
	},
	"names": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{head: goodRows}, inPart("xl/workbook.xml", repeated{
			`<workbook xmlns:r="r"><sheets><sheet name="` + strings.Repeat("S", r.IntN(1_000_000)) +
				`" r:id="rId1"/></sheets><definedNames>`,
			numbered(20_000, `<definedName name="n%d">Roll!$A$1</definedName>`), `</definedNames></workbook>`, mb}))
	},
	"nesting": func(r *rand.Rand, mb int) hostileFile {
		depth := 200 + r.IntN(2)*100_000
		return sheetOf(mb<<20/150, repeated{goodRows + strings.Repeat("<a>", depth), strings.Repeat("<b></b>", 1<<17),
			strings.Repeat("</a>", depth), mb})
	},
	"attributes": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{goodRows, `<row x="` + strings.Repeat("x&amp;", 150_000) + `"/>`, "", mb})
	},
	"long names of elements": func(r *rand.Rand, mb int) hostileFile {
		name := strings.Repeat("n", 1+r.IntN(2<<20))
		return sheetOf(mb<<20/150, repeated{goodRows, "<" + name + "></" + name + ">", "", mb << 19 / len(name)})
	},
	"comments": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{goodRows + "<!--", strings.Repeat("- ", 1<<19), "-->", mb})
	},
	"CDATA": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{`<row><c t="str"><v><![CDATA[`, strings.Repeat("]>", 1<<19),
			"]]></v></c></row>" + goodRows, mb})
	},
	"formulas": func(r *rand.Rand, mb int) hostileFile {
		return sheetOf(mb<<20/150, repeated{goodRows, `<row><c><f>` + strings.Repeat("A1+", 300_000) + `</f><v>` +
			strings.Repeat("9", 30_000) + `</v></c></row>`, "", mb})
	},
	"dates": func(r *rand.Rand, mb int) hostileFile {
		row := `<row>` + strings.Repeat(`<c t="d"><v>2024-02-29T13:30:00</v></c><c><v>1E-30</v></c>`, 500) + `</row>`
		return sheetOf(mb<<20/150, repeated{goodRows, row, "", mb << 20 / len(row)})
	},
	"a long table of parts": func(r *rand.Rand, mb int) hostileFile {
		f := sheetOf(0, repeated{head: goodRows})
		length := 1 << r.IntN(12)
		for i := range min(200_000, 8<<20/(length+46)) {
			f.parts[fmt.Sprintf("xl/media/%s%d", strings.Repeat("a", length), i)] = repeated{}
		}
		return f
	},
	"one record": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number,Name\n8001015009087", strings.Repeat(",", 1<<20), mb)
	},
	"records of many fields": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number,Name\n", strings.Repeat(",", 1+r.IntN(1<<17))+"\n", mb)
	},
	"long fields": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number,Name\n", "8001015009087,"+strings.Repeat("x", 1+r.IntN(2<<20))+"\n", mb)
	},
	"quotation marks": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number,Name\n", strings.Repeat(`"`, 1+r.IntN(1<<16)), mb)
	},
	"a quotation mark without an end": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number,Name\n8001015009087,\"", "8001015009087,Thabo Mokoena\n", mb)
	},
	"empty lines": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number,Name\n", strings.Repeat("\n", 1<<20), mb)
	},
	"letters of other code pages": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("ID Number;Name\n", strings.Repeat("8001015009087;\xfc\xfc\xfc\xfc\n", 1<<15), mb)
	},
	"UTF-16": func(r *rand.Rand, mb int) hostileFile {
		return csvOf("\xFF\xFE", strings.Repeat("\x00\x30,\x00", 1+r.IntN(1<<17)), mb)
	},
	"a roll": func(r *rand.Rand, mb int) hostileFile {
		row := `<row><c><v>8001015009087</v></c>` + strings.Repeat(`<c t="s"><v>0</v></c><c t="str"><v>Acacia</v></c>`, 8) +
			`</row>`
		return sheetOf(mb<<20/150, repeated{goodRows, strings.Repeat(row, 100), "", min(mb<<20/len(row)/100, 10_000)})
	},
}

// csvOf is a text of about so many megabytes, and no more than intake takes.
func csvOf(head, middle string, mb int) hostileFile {
	return hostileFile{csv: &repeated{head: head, middle: middle, times: max(min(mb, 48)<<20/len(middle), 1)}}
}

// mutate changes something in a file, as somebody would who looks for a hole.
func mutate(r *rand.Rand, f hostileFile) hostileFile {
	change := func(s string) string {
		if s == "" {
			return s
		}
		b, at := []byte(s), r.IntN(len(s))
		switch r.IntN(4) {
		case 0:
			b[at] = `<>/"&;=, x`[r.IntN(10)]
		case 1:
			b = b[:at]
		case 2:
			end := at + r.IntN(len(b)-at)
			b = slices.Concat(b[:end], b[at:])
		default:
			b = slices.Delete(b, at, min(at+1+r.IntN(8), len(b)))
		}
		return string(b)
	}
	any := func(p repeated) repeated {
		switch r.IntN(4) {
		case 0:
			p.head = change(p.head)
		case 1:
			p.middle = change(p.middle)
		case 2:
			p.tail = change(p.tail)
		default:
			p.times = r.IntN(2*p.times + 1)
		}
		return p
	}
	if f.raw != nil {
		// What counts is mostly at the beginning and at the end.
		f.raw = bytes.Clone(f.raw)
		for range 1 + r.IntN(4) {
			at := r.IntN(min(len(f.raw), 1<<r.IntN(24)))
			if r.IntN(2) == 0 {
				at = len(f.raw) - 1 - at
			}
			f.raw[at] = byte(r.Uint32())
		}
		return f
	}
	if f.csv != nil {
		p := any(*f.csv)
		p.times = min(p.times, 48<<20/max(len(p.middle), 1))
		f.csv = &p
		return f
	}
	f.parts = maps.Clone(f.parts)
	names := slices.Sorted(maps.Keys(f.parts))
	one, other := names[r.IntN(len(names))], names[r.IntN(len(names))]
	switch r.IntN(4) {
	case 0:
		f.parts[one] = f.parts[other]
	case 1:
		f.padding = r.IntN(2*f.padding + 1)
	default:
		f.parts[one] = any(f.parts[one])
	}
	return f
}
