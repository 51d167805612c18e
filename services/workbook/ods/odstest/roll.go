// Package odstest writes OpenDocument spreadsheets for tests.
package odstest

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"strings"
)

const kind = "application/vnd.oasis.opendocument.spreadsheet"

// Content is the part that has the sheets. The XML of styles and of tables has the
// prefixes that programs write.
func Content(styles, tables string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + Root("document-content") + `<office:automatic-styles>` + styles +
		`</office:automatic-styles><office:body><office:spreadsheet>` + tables +
		`</office:spreadsheet></office:body></office:document-content>`
}

// Flat is a whole file that is not packed (.fods).
func Flat(styles, tables string) string {
	return strings.ReplaceAll(Content(styles, tables), "document-content", "document")
}

// Root opens the root of a part.
func Root(name string) string {
	root := "<office:" + name
	for _, prefix := range []string{"office", "style", "table", "text"} {
		root += ` xmlns:` + prefix + `="urn:oasis:names:tc:opendocument:xmlns:` + prefix + `:1.0"`
	}
	return root + ` xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0">`
}

// Table is a sheet with these rows.
func Table(name, rows string) string {
	return `<table:table table:name="` + name + `"><table:table-column table:number-columns-repeated="16384"/>` + rows +
		`</table:table>`
}

// Row is a row with these cells.
func Row(cells string) string { return "<table:table-row>" + cells + "</table:table-row>" }

// Cell is a cell with a text, which is XML.
func Cell(text string) string {
	return `<table:table-cell office:value-type="string"><text:p>` + text + `</text:p></table:table-cell>`
}

// Parts are the least parts of a file.
func Parts(styles, tables string) map[string]string {
	return map[string]string{"mimetype": kind, "content.xml": Content(styles, tables),
		// Old manifests have a document type.
		"META-INF/manifest.xml": `<!DOCTYPE manifest:manifest PUBLIC "-//OpenOffice.org//DTD Manifest 1.0//EN" ` +
			`"Manifest.dtd"><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">` +
			`<manifest:file-entry manifest:full-path="content.xml"/></manifest:manifest>`}
}

// Rows is the XML of rows of texts.
func Rows(rows ...[]string) string {
	var b strings.Builder
	for _, texts := range rows {
		b.WriteString("<table:table-row>")
		for _, text := range texts {
			var escaped strings.Builder
			if err := xml.EscapeText(&escaped, []byte(text)); err != nil {
				panic(err) // there is no disk that can be full
			}
			b.WriteString(Cell(escaped.String()))
		}
		b.WriteString("</table:table-row>")
	}
	return b.String()
}

// Roll is a file of one sheet with these texts.
func Roll(rows ...[]string) []byte {
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for name, content := range Parts("", Table("Sheet1", Rows(rows...))) {
		w, err := zw.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := zw.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}
