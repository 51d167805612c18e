package sheets

import "github.com/tealeg/xlsx/v3"

// HeaderStyle is how the first row of a sheet looks: white and bold on blue.
func HeaderStyle() *xlsx.Style {
	s := xlsx.NewStyle()
	s.Font = *xlsx.NewFont(11, "Calibri")
	s.Font.Bold, s.Font.Color = true, "FFFFFFFF"
	s.Fill = *xlsx.NewFill(xlsx.Solid_Cell_Fill, "FF4472C4", "FF4472C4")
	s.ApplyFont, s.ApplyFill = true, true
	return s
}

// FreezeHeader keeps the first row of a sheet in view.
func FreezeHeader(sheet *xlsx.Sheet) {
	sheet.SheetViews = []xlsx.SheetView{{Pane: &xlsx.Pane{
		YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft", State: "frozen",
	}}}
}
