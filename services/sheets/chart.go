package sheets

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tealeg/xlsx/v3"
)

// Chart is a chart of bars, one below the other, with the number beside each. It can be
// read without colours. What it shows stands in cells of its sheet, too.
type Chart struct {
	Title string
	// Bars are those of the rows from FirstRow on, from 1: the name is in column A, the
	// number in column B. At least one is required.
	Bars     []Bar
	FirstRow int
	// The chart lies over the cells from one corner to the other, counted from 0.
	FromColumn, FromRow, ToColumn, ToRow int
}

// Bar is a bar of a chart.
type Bar struct {
	Name  string
	Value int
}

// AddChart draws a chart over the sheet.
func (s *Sheet) AddChart(c Chart) { s.charts = append(s.charts, c) }

const (
	contentTypes  = "[Content_Types].xml"
	nsPackage     = "http://schemas.openxmlformats.org/package/2006/relationships"
	nsDocument    = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	nsChart       = "http://schemas.openxmlformats.org/drawingml/2006/chart"
	nsDrawing     = "http://schemas.openxmlformats.org/drawingml/2006/main"
	nsSheetDrawn  = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
	typeOfChart   = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
	typeOfDrawing = "application/vnd.openxmlformats-officedocument.drawing+xml"
)

// addDrawings adds the parts of the charts: one drawing for each sheet that has any, and
// a part for each chart.
func (b *Book) addDrawings(files []packageFile) ([]packageFile, error) {
	types, charts := "", 0
	add := func(name, text, contentType string) {
		files = append(files, packageFile{name: name, head: []byte(xmlHeader + text)})
		if contentType != "" {
			types += fmt.Sprintf(`<Override PartName="/%s" ContentType="%s"/>`, name, contentType)
		}
	}
	for i, s := range b.sheets {
		if len(s.charts) == 0 {
			continue
		}
		var anchors, relations strings.Builder
		for j, c := range s.charts {
			charts++
			add(fmt.Sprintf("xl/charts/chart%d.xml", charts), c.render(s.name), typeOfChart)
			anchors.WriteString(c.anchor(j + 1))
			relations.WriteString(relation(j+1, "chart", fmt.Sprintf("../charts/chart%d.xml", charts)))
		}
		n := i + 1
		add(fmt.Sprintf("xl/drawings/drawing%d.xml", n), fmt.Sprintf(`<xdr:wsDr xmlns:xdr="%s" xmlns:a="%s">%s</xdr:wsDr>`,
			nsSheetDrawn, nsDrawing, anchors.String()), typeOfDrawing)
		add(fmt.Sprintf("xl/drawings/_rels/drawing%d.xml.rels", n), relationsOf(relations.String()), "")
		add(fmt.Sprintf("xl/worksheets/_rels/sheet%d.xml.rels", n),
			relationsOf(relation(1, "drawing", fmt.Sprintf("../drawings/drawing%d.xml", n))), "")
	}
	if types == "" {
		return files, nil
	}
	at := slices.IndexFunc(files, func(f packageFile) bool { return f.name == contentTypes })
	if at < 0 || !strings.Contains(string(files[at].head), `</Types>`) {
		return nil, errors.New("the library wrote no list of the parts")
	}
	files[at].head = []byte(strings.Replace(string(files[at].head), `</Types>`, types+`</Types>`, 1))
	return files, nil
}

func relation(n int, kind, target string) string {
	return fmt.Sprintf(`<Relationship Id="rId%d" Type="%s/%s" Target="%s"/>`, n, nsDocument, kind, target)
}

func relationsOf(list string) string {
	return fmt.Sprintf(`<Relationships xmlns="%s">%s</Relationships>`, nsPackage, list)
}

// anchor says where the chart with that number lies.
func (c *Chart) anchor(n int) string {
	corner := func(name string, column, row int) string {
		return fmt.Sprintf(`<xdr:%[1]s><xdr:col>%[2]d</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>%[3]d</xdr:row>`+
			`<xdr:rowOff>0</xdr:rowOff></xdr:%[1]s>`, name, column, row)
	}
	return `<xdr:twoCellAnchor>` + corner("from", c.FromColumn, c.FromRow) + corner("to", c.ToColumn, c.ToRow) +
		fmt.Sprintf(`<xdr:graphicFrame macro=""><xdr:nvGraphicFramePr><xdr:cNvPr id="%d" name="Chart %d" descr="%s"/>`+
			`<xdr:cNvGraphicFramePr/></xdr:nvGraphicFramePr>`+
			`<xdr:xfrm><a:off x="0" y="0"/><a:ext cx="0" cy="0"/></xdr:xfrm><a:graphic><a:graphicData uri="%s">`+
			`<c:chart xmlns:c="%s" xmlns:r="%s" r:id="rId%d"/></a:graphicData></a:graphic></xdr:graphicFrame>`+
			`<xdr:clientData/></xdr:twoCellAnchor>`, n+1, n, escape(c.Title), nsChart, nsChart, nsDocument, n)
}

// render returns the part of a chart of a sheet. The numbers are repeated in it for
// programs that do not look into the cells.
func (c *Chart) render(sheet string) string {
	var names, values strings.Builder
	for i, bar := range c.Bars {
		fmt.Fprintf(&names, `<c:pt idx="%d"><c:v>%s</c:v></c:pt>`, i, escape(bar.Name))
		fmt.Fprintf(&values, `<c:pt idx="%d"><c:v>%d</c:v></c:pt>`, i, bar.Value)
	}
	count := fmt.Sprintf(`<c:ptCount val="%d"/>`, len(c.Bars))
	cells := func(column int) string {
		letter := xlsx.ColIndexToLetters(column)
		return escape(fmt.Sprintf("%s!$%s$%d:$%s$%d", quoteSheet(sheet), letter, c.FirstRow,
			letter, c.FirstRow+len(c.Bars)-1))
	}
	const (
		title = `<c:title><c:tx><c:rich><a:bodyPr/><a:p><a:r><a:rPr lang="en-ZA" sz="1200" b="1"/><a:t>%s</a:t></a:r>` +
			`</a:p></c:rich></c:tx><c:overlay val="0"/></c:title><c:autoTitleDeleted val="0"/>`
		labels = `<c:dLbls><c:dLblPos val="outEnd"/><c:showLegendKey val="0"/><c:showVal val="1"/><c:showCatName val="0"/>` +
			`<c:showSerName val="0"/><c:showPercent val="0"/><c:showBubbleSize val="0"/></c:dLbls>`
		ticks = `<c:majorTickMark val="none"/><c:minorTickMark val="none"/>`
	)
	return fmt.Sprintf(`<c:chartSpace xmlns:c="%s" xmlns:a="%s">`, nsChart, nsDrawing) +
		`<c:roundedCorners val="0"/><c:chart>` + fmt.Sprintf(title, escape(c.Title)) +
		`<c:plotArea><c:layout/><c:barChart><c:barDir val="bar"/><c:grouping val="clustered"/><c:varyColors val="0"/>` +
		`<c:ser><c:idx val="0"/><c:order val="0"/><c:spPr><a:solidFill><a:srgbClr val="4472C4"/></a:solidFill></c:spPr>` +
		`<c:invertIfNegative val="0"/>` + labels +
		`<c:cat><c:strRef><c:f>` + cells(0) + `</c:f><c:strCache>` + count + names.String() +
		`</c:strCache></c:strRef></c:cat>` +
		`<c:val><c:numRef><c:f>` + cells(1) + `</c:f><c:numCache><c:formatCode>0</c:formatCode>` + count + values.String() +
		`</c:numCache></c:numRef></c:val></c:ser><c:gapWidth val="50"/><c:axId val="1"/><c:axId val="2"/></c:barChart>` +
		`<c:catAx><c:axId val="1"/><c:scaling><c:orientation val="maxMin"/></c:scaling><c:delete val="0"/>` +
		`<c:axPos val="l"/>` + ticks + `<c:tickLblPos val="low"/><c:crossAx val="2"/><c:crosses val="autoZero"/></c:catAx>` +
		`<c:valAx><c:axId val="2"/><c:scaling><c:orientation val="minMax"/><c:min val="0"/></c:scaling>` +
		`<c:delete val="1"/><c:axPos val="t"/>` + ticks +
		`<c:tickLblPos val="nextTo"/><c:crossAx val="1"/><c:crosses val="autoZero"/></c:valAx>` +
		`</c:plotArea><c:plotVisOnly val="1"/><c:dispBlanksAs val="gap"/></c:chart></c:chartSpace>`
}
