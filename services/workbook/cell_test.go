package workbook

import (
	"strings"
	"testing"
	"time"
)

func TestNumbersReadAsTheyShow(t *testing.T) {
	tests := []struct{ stored, want string }{
		{"79800001", "79800001"},
		{"79800001.0", "79800001"},
		{"8.001015009087E12", "8001015009087"},
		{"8001015009087", "8001015009087"},
		{"10.100000000000001", "10.1"},
		{"0.30000000000000004", "0.3"},
		{"1E-3", "0.001"},
		{"-5.50", "-5.5"},
		{"0", "0"},
		{"12345678901234567", "12345678901234600"},
	}
	for _, test := range tests {
		var got Cell
		got.setNumber(test.stored, false, false)
		if got.Text != test.want || !got.Numeric() {
			t.Errorf("%s reads %q (numeric %v), want %q", test.stored, got.Text, got.Numeric(), test.want)
		}
	}
	for _, stored := range []string{"", "NaN", "1E999999999", "1E-999999999", "0x10", "1_000", "abc"} {
		var got Cell
		got.setNumber(stored, false, false)
		if got.Text != stored || got.Numeric() {
			t.Errorf("%s reads %q (numeric %v), want it kept as text", stored, got.Text, got.Numeric())
		}
	}
}

func TestDatesReadInBothSystems(t *testing.T) {
	tests := []struct {
		stored   string
		date1904 bool
		want     string
		day      bool
	}{
		{"45323", false, "2024-02-01", true},
		{"43861", true, "2024-02-01", true},
		{"45323.5", false, "2024-02-01 12:00:00", true},
		{"45322.999999999", false, "2024-02-01", true},
		{"59", false, "1900-02-28", true},
		{"61", false, "1900-03-01", true},
		{"1", false, "1900-01-01", true},
		{"0.25", false, "06:00:00", false},
		{"0.25", true, "06:00:00", false},
	}
	for _, test := range tests {
		var got Cell
		got.setNumber(test.stored, true, test.date1904)
		if got.Text != test.want || got.Kind != Date || got.Day.IsZero() == test.day {
			t.Errorf("%s (1904 %v) reads %+v, want %s", test.stored, test.date1904, got, test.want)
		}
	}
	if day, ok := SerialDay("45323.75", false); !ok || !day.Equal(time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("SerialDay = %v, %v", day, ok)
	}
	for _, text := range []string{"0", "-1", "2958466", "x"} {
		if day, ok := SerialDay(text, false); ok {
			t.Errorf("SerialDay(%s) = %v, want none", text, day)
		}
	}
}

func TestIsDateFormat(t *testing.T) {
	dates := []string{"mm-dd-yy", "dd/mm/yyyy", "[$-409]d\\-mmm\\-yy;@", "[h]:mm:ss", "h:mm AM/PM", `yyyy"y"`,
		"[Red]dd mmm", "d.m", `d\.m\.yyyy`, `[$-F800]dddd\,\ mmmm\ dd\,\ yyyy`, `yyyy"年"m"月"d"日"`, "[DBNum1]yyyy",
		"[$-1C09]dd mmmm yyyy;@", "[$-en-ZA]yyyy/mm/dd;@", `mmm\ yyyy;@`, "e", `ggge"年"m"月"d"日"`, "b1yyyy", "s00"}
	numbers := []string{"general", "", "0", "0.00", "#,##0", `"R"#,##0.00`, `[$R-1C09]\ #,##0.00`, "[Red]-0.00",
		`_-"R"* #,##0.00_-`,
		"@", "0%", "0.00E+00", `0 "days"`, `\d0`, "0;[Red]d", `"unclosed d`, "[", "0000000000000", "0;[Red]0",
		`0.00" days"`, "#,##0_M_M_M;#,##0_M_M_M;_(@_M_M_M", `"yes";"no"`, `General" dm"`, "[$R-1C09] #,##0.00",
		"0.0############E-0", "##0.0E+0", "GENERAL", "[Color3]0", "[<100]0;[Color10]0", "[Red]General"}
	for _, format := range dates {
		if !isDateFormat(format) {
			t.Errorf("%s is not taken for a date format", format)
		}
	}
	for _, format := range numbers {
		if isDateFormat(format) {
			t.Errorf("%s is taken for a date format", format)
		}
	}
}

func TestKindsOfCells(t *testing.T) {
	file, err := openBytes(zipParts(t, minimalParts(`<row r="1">`+
		`<c r="A1" t="s"><v>0</v></c>`+
		`<c r="B1" t="inlineStr"><is><t>007</t></is></c>`+
		`<c r="C1"><v>8.001015009087E12</v></c>`+
		`<c r="D1" t="b"><v>1</v></c>`+
		`<c r="E1" t="e"><v>#N/A</v></c>`+
		`<c r="F1" t="str"><f>A1</f><v>08</v></c>`+
		`<c r="G1" t="d"><v>2024-02-01</v></c>`+
		`<c r="H1" t="inlineStr"><is><r><t>rich </t></r><r><t>text</t></r></is></c>`+
		`<c r="I1"><f>1+1</f></c></row>`)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Cell{
		{Text: "ID Number"}, {Text: "007"}, {Text: "8001015009087", Kind: Number}, {Text: "TRUE"},
		{Text: "#N/A", Kind: Failed}, {Text: "08", Formula: true},
		{Text: "2024-02-01", Kind: Date, Day: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)},
		{Text: "rich text"}, {Formula: true, NoResult: true},
	}
	for row, err := range file.Sheets[0].Rows() {
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range row.Cells {
			if i >= len(want) || cell != want[i] {
				t.Errorf("cell %c1 is %+v, want %+v", 'A'+i, cell, want[min(i, len(want)-1)])
			}
		}
	}
}

func TestDatesOfAWorkbookThatCountsFrom1904(t *testing.T) {
	for setting, want := range map[string]string{`date1904="1"`: "2024-02-01", `date1904="true"`: "2024-02-01",
		``: "2020-01-31"} {
		p := minimalParts(`<row r="1"><c r="A1" s="1"><v>43861</v></c></row>`)
		p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<workbookPr/>", "<workbookPr "+setting+"/>", 1)
		p["xl/styles.xml"] = `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
			`<fonts count="1"><font/></fonts>` +
			`<fills count="1"><fill/></fills><borders count="1"><border/></borders>` +
			`<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`
		p["xl/_rels/workbook.xml.rels"] = strings.Replace(p["xl/_rels/workbook.xml.rels"], "</Relationships>",
			`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"`+
				` Target="styles.xml"/></Relationships>`, 1)
		file, err := openBytes(zipParts(t, p))
		if err != nil {
			t.Fatal(err)
		}
		if file.Date1904 != (setting != "") {
			t.Errorf("%q: counts from 1904: %v", setting, file.Date1904)
		}
		for row, err := range file.Sheets[0].Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if got := row.Cells[0]; got.Kind != Date || got.Text != want {
				t.Errorf("%q: the cell reads %+v, want %s", setting, got, want)
			}
		}
	}
}

// In a workbook that counts from 1900, 1 January 1904 is a day like any other. In one that
// counts from 1904, what is below one is a time alone; zero is the first day.
func TestTheFirstDayOf1904(t *testing.T) {
	for _, test := range []struct {
		text     string
		date1904 bool
		want     string
		day      bool
	}{
		{"1462", false, "1904-01-01", true},
		{"1462.5", false, "1904-01-01 12:00:00", true},
		{"1463", false, "1904-01-02", true},
		{"0", true, "1904-01-01", true},
		{"0.5", true, "12:00:00", false},
		{"1", true, "1904-01-02", true},
		{"0.5", false, "12:00:00", false},
	} {
		var cell Cell
		cell.setNumber(test.text, true, test.date1904)
		if cell.Kind != Date || cell.Text != test.want || cell.Day.IsZero() == test.day {
			t.Errorf("%s, %t: %+v", test.text, test.date1904, cell)
		}
	}
	var cell Cell
	if cell.setISO("1582-10-15"); cell.Text != "1582-10-15" || cell.Day.IsZero() {
		t.Errorf("a day long ago is %+v", cell)
	}
	if cell.setISO("08:30:00"); cell.Text != "08:30:00" {
		t.Errorf("a time of day is %+v", cell)
	}
	cell = Cell{}
	if cell.setNumber("60.5", true, false); cell.Text != "1900-02-29 12:00:00" || cell.Kind != Text || !cell.Day.IsZero() {
		t.Errorf("the day that no calendar has is %+v", cell)
	}
	cell = Cell{}
	if cell.setISO("1904-01-01T00:00:00"); cell.Text != "1904-01-01" || cell.Day.IsZero() {
		t.Errorf("%+v", cell)
	}
}
