package workbook

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"

	"rollcall.example/services/workbook/ods/odstest"
)

func init() { maps.Copy(hostileKinds, hostileODS) }

// odsOf is an OpenDocument spreadsheet of one sheet with these rows; styles may stand in
// front.
func odsOf(mb int, styles string, rows repeated) hostileFile {
	return odsWith(mb, repeated{styles + "\x00" + `<table:table table:name="Roll">` + rows.head, rows.middle,
		rows.tail + "</table:table>", rows.times})
}

// odsWith is an OpenDocument spreadsheet with this content; a NUL in its head is where the
// styles end.
func odsWith(mb int, content repeated) hostileFile {
	styles, tables, _ := strings.Cut(content.head, "\x00")
	around := strings.Split(odstest.Content("\x00", "\x00"), "\x00")
	content.head, content.tail = around[0]+styles+around[1]+tables, content.tail+around[2]
	parts := map[string]repeated{}
	for name, text := range odstest.Parts("", "") {
		parts[name] = repeated{head: text}
	}
	parts["content.xml"] = content
	return hostileFile{parts: parts, padding: mb << 20 / 150}
}

var goodODSRows = odstest.Row(odstest.Cell("ID Number")) + odstest.Row(odstest.Cell("8001015009087"))

// hostileODS make OpenDocument spreadsheets, as hostileKinds do.
var hostileODS = map[string]func(r *rand.Rand, mb int) hostileFile{
	"ods: a roll": func(r *rand.Rand, mb int) hostileFile {
		row := odstest.Row(odstest.Cell("8001015009087") + strings.Repeat(odstest.Cell("Acacia"), 8))
		return odsOf(mb, "", repeated{goodODSRows, row, "", mb << 20 / len(row)})
	},
	"ods: blank rows and cells": func(r *rand.Rand, mb int) hostileFile {
		row := `<table:table-row table:number-rows-repeated="1048576"><table:table-cell ` +
			`table:number-columns-repeated="16384"/></table:table-row>`
		return odsOf(mb, "", repeated{goodODSRows, row, "", mb << 20 / len(row)})
	},
	"ods: repeated rows": func(r *rand.Rand, mb int) hostileFile {
		row := fmt.Sprintf(`<table:table-row table:number-rows-repeated="%d">%s</table:table-row>`, 1+r.IntN(1<<20),
			strings.Repeat(odstest.Cell("a"), 1+r.IntN(40)))
		return odsOf(mb, "", repeated{goodODSRows, row, "", mb})
	},
	"ods: repeated cells": func(r *rand.Rand, mb int) hostileFile {
		row := odstest.Row(fmt.Sprintf(`<table:table-cell table:number-columns-repeated="%d"><text:p>%s</text:p>`+
			`</table:table-cell>`,
			1+r.IntN(16384), strings.Repeat("a", 1+r.IntN(64))))
		return odsOf(mb, "", repeated{"", row, goodODSRows, mb << 20 / len(row)})
	},
	"ods: headers": func(r *rand.Rand, mb int) hostileFile {
		row := odstest.Row(`<table:table-cell table:number-columns-repeated="16384"><text:p>ID Number of the member` +
			`</text:p>` +
			`</table:table-cell>`)
		return odsOf(mb, "", repeated{"", row, goodODSRows, 60})
	},
	"ods: full cells": func(r *rand.Rand, mb int) hostileFile {
		cell := odstest.Cell(strings.Repeat("a", 32_767))
		return odsOf(mb, "", repeated{"<table:table-row>", cell, "</table:table-row>" + goodODSRows, mb << 20 / len(cell)})
	},
	"ods: a megabyte in each cell": func(r *rand.Rand, mb int) hostileFile {
		cell := odstest.Cell(strings.Repeat("a", 900_000) + " ")
		return odsOf(mb, "", repeated{"<table:table-row>", cell, "</table:table-row>" + goodODSRows, mb})
	},
	"ods: paragraphs": func(r *rand.Rand, mb int) hostileFile {
		return odsOf(mb, "", repeated{"<table:table-row><table:table-cell>", strings.Repeat("<text:p/>", 1<<16),
			"</table:table-cell></table:table-row>" + goodODSRows, mb << 4 / 9})
	},
	"ods: spaces": func(r *rand.Rand, mb int) hostileFile {
		row := odstest.Row(odstest.Cell(`<text:s text:c="999999999"/>x`))
		return odsOf(mb, "", repeated{goodODSRows, row, "", mb << 20 / len(row)})
	},
	"ods: values in attributes": func(r *rand.Rand, mb int) hostileFile {
		cell := `<table:table-cell office:value-type="string" office:string-value="` + strings.Repeat("&amp;",
			1+r.IntN(150_000)) +
			`"/>`
		return odsOf(mb, "", repeated{"<table:table-row>", cell, "</table:table-row>" + goodODSRows, mb << 20 / len(cell)})
	},
	"ods: dates and durations": func(r *rand.Rand, mb int) hostileFile {
		row := odstest.Row(strings.Repeat(`<table:table-cell office:value-type="date" `+
			`office:date-value="2024-02-29T13:30:00.5Z"/>`+
			`<table:table-cell office:value-type="time" office:time-value="P9DT`+strings.Repeat("1H", 20)+`"/>`, 200))
		return odsOf(mb, "", repeated{goodODSRows, row, "", mb << 20 / len(row)})
	},
	"ods: sheets": func(r *rand.Rand, mb int) hostileFile {
		table := `<table:table table:name="S">` + strings.Repeat("<table:table-row/>", mb*30) + `</table:table>`
		return odsWith(mb, repeated{"\x00", table, odstest.Table("Roll", goodODSRows), 900 + r.IntN(2)*100})
	},
	"ods: hidden sheets": func(r *rand.Rand, mb int) hostileFile {
		rows := strings.Repeat("<table:table-row/>", mb*30) + `</table:table>`
		return odsWith(mb, repeated{`<style:style style:name="h" style:family="table"><style:table-properties ` +
			`table:display="false"/></style:style>` + "\x00",
			`<table:table table:style-name="h">` + rows + `<table:table>` + rows,
			"", 499})
	},
	"ods: styles": func(r *rand.Rand, mb int) hostileFile {
		f := odsWith(mb, repeated{"\x00", "", odstest.Table("Roll", goodODSRows), 0})
		content := f.parts["content.xml"]
		head, tail, _ := strings.Cut(content.head+content.tail, "</office:automatic-styles>")
		f.parts["content.xml"] = repeated{head, numbered(10_000, `<style:style style:name="n%d" style:family="table">`+
			`<style:table-properties table:display="false"/></style:style>`), "</office:automatic-styles>" + tail, mb}
		return f
	},
	"ods: names of sheets": func(r *rand.Rand, mb int) hostileFile {
		return odsWith(mb, repeated{"\x00", odstest.Table(strings.Repeat("S", 1+r.IntN(1_000_000)), ""), odstest.Table("Roll",
			goodODSRows), mb})
	},
	"ods: groups of rows": func(r *rand.Rand, mb int) hostileFile {
		depth := 100 + r.IntN(200)
		return odsOf(mb, "", repeated{goodODSRows + strings.Repeat("<table:table-row-group>", depth),
			odstest.Row(odstest.Cell("a")),
			strings.Repeat("</table:table-row-group>", depth), mb << 20 / 100})
	},
	"ods: notes and pictures": func(r *rand.Rand, mb int) hostileFile {
		return odsOf(mb, "", repeated{goodODSRows + "<table:table-row><table:table-cell><office:annotation>" +
			"<office:binary-data>",
			strings.Repeat("AAAA", 1<<18), "</office:binary-data></office:annotation></table:table-cell></table:table-row>", mb})
	},
	"ods: formulas": func(r *rand.Rand, mb int) hostileFile {
		return odsOf(mb, "", repeated{goodODSRows, odstest.Row(`<table:table-cell table:formula="` + strings.Repeat("A1+",
			300_000) +
			`"/>`), "", mb})
	},
	"ods: a manifest": func(r *rand.Rand, mb int) hostileFile {
		f := odsOf(mb, "", repeated{head: goodODSRows})
		f.parts["META-INF/manifest.xml"] = repeated{"", strings.Repeat("encryption-dat ", 1<<16), "", mb}
		return f
	},
	"ods: a kind": func(r *rand.Rand, mb int) hostileFile {
		f := odsOf(mb, "", repeated{head: goodODSRows})
		f.parts["mimetype"] = repeated{"", strings.Repeat(" ", 1<<20), "", mb}
		return f
	},
	"ods: flat": func(r *rand.Rand, mb int) hostileFile {
		content := odstest.Flat("", odstest.Table("Roll", goodODSRows+"\x00"))
		head, tail, _ := strings.Cut(content, "\x00")
		row := odstest.Row(strings.Repeat(odstest.Cell("Acacia"), 1+r.IntN(1000)))
		return hostileFile{csv: &repeated{head, row, tail, max(min(mb, 48)<<20/len(row), 1)}}
	},
}
