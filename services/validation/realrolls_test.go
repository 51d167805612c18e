package validation

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
	"rollcall.example/services/workbook/xlsxtest"
)

// Two people, made up.
const (
	thabo  = "8001015009087"
	lerato = "9001010001088"
)

// tellRoll reads a roll as the stage does and returns what becomes of each row: its number
// with the surname of a person who is taken, or with the code of the reject; and the codes
// of warnings. A refused file gives its code.
func tellRoll(t *testing.T, data []byte) string {
	t.Helper()
	var told []string
	err := func() error {
		book, err := workbook.Open(t.Context(), bytes.NewReader(data), int64(len(data)), workbook.Budget{})
		if err != nil {
			return err
		}
		defer func() { _ = book.Close() }()
		columns, err := schema.Columns()
		if err != nil {
			t.Fatal(err)
		}
		sheet, header, err := book.Roll(columns)
		if err != nil {
			return err
		}
		judge, err := NewJudge(Settings{Header: header, UploadedAt: uploadTime, Date1904: book.Date1904})
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range sheet.OrderedRows() {
			if err != nil {
				return err
			}
			switch valid, reject := judge.JudgeRow(row); {
			case valid != nil:
				line := fmt.Sprint(valid.N, " ", valid.Fields["surname"])
				for _, field := range []string{"firstname", "cell_number", "email", "date_joined", "residential_address"} {
					if text, ok := valid.Fields[field]; ok {
						line += "/" + text
					}
				}
				for _, w := range valid.Warnings {
					line += " !" + w.Code
				}
				told = append(told, line)
			case reject != nil:
				told = append(told, fmt.Sprint(reject.N, " -", reject.Code))
			}
		}
		for _, w := range book.Warnings(sheet) {
			told = append(told, "!"+w.Code)
		}
		return nil
	}()
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return refused.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(told, "; ")
}

var twoPeople = xlsxtest.Rows(1, []string{"ID Number", "Name", "Surname"}, []string{thabo, "Thabo", "Nkosi"},
	[]string{lerato, "Lerato", "Smit"})

const twoTold = "2 Nkosi/Thabo; 3 Smit/Lerato"

// Workbooks of the kinds that other programs fail at.
func TestRealWorkbooksAreReadRight(t *testing.T) {
	with := func(rows string, change func(p map[string]string)) []byte {
		p := xlsxtest.Parts(rows)
		if change != nil {
			change(p)
		}
		return xlsxtest.Pack(t, p, nil)
	}
	shared := func(strings string) func(map[string]string) {
		return func(p map[string]string) { p["xl/sharedStrings.xml"] = `<sst count="1">` + strings + `</sst>` }
	}
	rename := func(f func(string) string) func(map[string]string) {
		return func(p map[string]string) {
			for name, text := range xlsxtest.Parts(twoPeople) {
				delete(p, name)
				p[f(name)] = text
			}
		}
	}
	const sheet = "xl/worksheets/sheet1.xml"
	const head = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>`
	const words = `<si><t>ID Number</t></si><si><t>Name</t></si><si><t>Surname</t></si>`
	dated := xlsxtest.Rows(1, []string{"ID Number", "Surname", "Date Joined"})
	dates := func(cell string) string {
		return dated + `<row r="2"><c r="A2" t="str"><v>` + thabo + `</v></c><c r="B2" t="str"><v>Nkosi</v></c>` +
			cell + `</row>`
	}
	styles := func(code string) func(map[string]string) {
		return func(p map[string]string) {
			p["xl/styles.xml"] = `<styleSheet><numFmts count="1"><numFmt numFmtId="170" formatCode="` + code +
				`"/></numFmts><cellXfs>` + strings.Repeat(`<xf numFmtId="0"/>`, 63_999) +
				`<xf numFmtId="170"/></cellXfs></styleSheet>`
		}
	}
	blankRows := func() string {
		var b strings.Builder
		b.WriteString(twoPeople)
		for n := 4; n < 1_048_576; n += 10 {
			fmt.Fprintf(&b, `<row r="%d" s="1"><c r="A%[1]d" s="1"/></row>`, n)
		}
		b.WriteString(`<row r="1048576" s="1"><c r="A1048576" s="1"/></row>`)
		return b.String()
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"numbers in scientific notation": {with(xlsxtest.Rows(1, []string{"ID Number", "Surname"}, []string{"", "Nkosi"},
			[]string{"9.00101E+12", "Smit"})+``, func(p map[string]string) {
			p[sheet] = strings.Replace(p[sheet], `<row r="2">`, `<row r="2"><c r="A2"><v>8.001015009087E12</v></c>`, 1)
		}), "2 Nkosi; 3 -id_scientific"},
		"days from 1904": {with(dates(`<c r="C2"><v>42797</v></c>`), func(p map[string]string) {
			p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<sheets>", `<workbookPr date1904="1"/><sheets>`, 1)
		}), "2 Nkosi/2021-03-04"},
		"a format that only looks like a date": {with(dates(`<c r="C2" s="63999"><v>44259</v></c>`),
			styles(`General&quot; dm&quot;`)), "2 Nkosi/2021-03-04"},
		"a format of a date, and 64,000 styles": {with(dates(`<c r="C2" s="63999"><v>44259</v></c>`),
			styles("d\\.m\\.yyyy")),
			"2 Nkosi/2021-03-04"},
		"a header merged over two rows": {with(xlsxtest.Rows(1, []string{"Branch 7"}, []string{"ID Number", "Person", "",
			"Contact"},
			[]string{"", "Name", "Surname", "Cell Number"}, []string{thabo, "Thabo", "Nkosi", "0821234567"}), nil),
			"4 Nkosi/Thabo/+27821234567"},
		"a title above and totals below": {with(xlsxtest.Rows(1, []string{"Members"}, nil, []string{"ID Number", "Surname"},
			[]string{thabo, "Nkosi"}, nil, []string{"Total", "1"}, []string{"", "Signed"}), nil),
			"4 Nkosi; 6 -format; 7 -missing"},
		"noise in the header": {with(xlsxtest.Rows(1, []string{"\uFEFFID\u00a0Number\u200b", "Sur-\nname", "E-mail:",
			"Cell Number (mobile)"},
			[]string{thabo, "Nkosi", "a@example.org", "0821234567"}), nil), "2 Nkosi/+27821234567/a@example.org"},
		"hidden rows and sheets": {with(twoPeople, func(p map[string]string) {
			p[sheet] = strings.Replace(p[sheet], `<row r="2">`, `<row r="2" hidden="1">`, 1)
			p["old.xml"] = p[sheet]
			p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<sheets>",
				`<sheets><sheet name="Old" sheetId="2" state="hidden" r:id="o"/>`, 1)
			p["xl/_rels/workbook.xml.rels"] = strings.Replace(p["xl/_rels/workbook.xml.rels"], "</Rel",
				`<Relationship Id="o" Type="x/worksheet" Target="/old.xml"/></Rel`, 1)
		}), twoTold + "; !hidden_sheets; !hidden_rows"},
		"a column formatted to the last row": {with(blankRows(), nil), twoTold},
		"paths with backslashes": {with("", rename(func(n string) string {
			return strings.ReplaceAll(n,
				"/", `\`)
		})), twoTold},
		"prefixes, no references": {with("", func(p map[string]string) {
			p[sheet] = `<x:worksheet xmlns:x="m"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>ID Number</x:t>` +
				`</x:is></x:c>` +
				`<x:c t="inlineStr"><x:is><x:t>Surname</x:t></x:is></x:c></x:row><x:row><x:c t="inlineStr"><x:is><x:t>` + thabo +
				`</x:t></x:is></x:c><x:c t="str"><x:v>Nkosi</x:v></x:c></x:row></x:sheetData></x:worksheet>`
		}), "2 Nkosi"},
		"cells out of order": {with(xlsxtest.Rows(1, []string{"ID Number", "Name", "Surname"})+
			`<row r="2"><c r="C2" t="str"><v>Nkosi</v></c><c r="A2" t="str"><v>`+thabo+`</v></c><c r="B2" t="str">`+
			`<v>Thabo</v></c></row>`,
			nil), "2 Nkosi/Thabo"},
		"rows out of order": {with(xlsxtest.Rows(3, []string{lerato, "Lerato", "Smit"})+
			xlsxtest.Rows(1, []string{"ID Number", "Name", "Surname"}, []string{thabo, "Thabo", "Nkosi"}), nil),
			twoTold + "; !rows_reordered"},
		"shared strings without index": {with(head+`<row r="2"><c r="A2"><v>`+thabo+`</v></c><c r="B2" t="s"/>`+
			`<c r="C2" t="s"><v></v></c></row>`,
			shared(words)), "2 "},
		"empty shared strings": {with(head+`<row r="2"><c r="A2"><v>`+thabo+`</v></c><c r="B2" t="s"><v>3</v></c>`+
			`<c r="C2" t="s"><v>4</v></c></row>`,
			shared(words+`<si/><si><t>Nkosi</t></si>`)), "2 Nkosi"},
		"readings above the letters": {with(head+`<row r="2"><c r="A2"><v>`+thabo+`</v></c><c r="B2" t="s"><v>3</v>`+
			`</c></row>`,
			shared(words+`<si><t>花子</t><rPh sb="0" eb="2"><t>ハナコ</t></rPh><phoneticPr fontId="1"/></si>`)), "2 /花子"},
		"dates of strict workbooks": {with(dates(`<c r="C2" t="d"><v>2021-03-04T00:00:00</v></c>`), nil),
			"2 Nkosi/2021-03-04"},
		"marks and odd XML": {with("", func(p map[string]string) {
			for name := range p {
				p[name] = "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<!-- c > --><?pi x?>" + p[name]
			}
			p[sheet] = strings.Replace(p[sheet], "<sheetData></sheetData>", "<sheetData >"+
				strings.ReplaceAll(twoPeople, `<row r="2">`, "<row\n r='2'\t>")+"</sheetData\n>", 1)
		}), twoTold},
		"absolute targets": {with(twoPeople, func(p map[string]string) {
			p["xl/_rels/workbook.xml.rels"] = strings.Replace(p["xl/_rels/workbook.xml.rels"], "worksheets/",
				"/xl/worksheets/", 1)
		}), twoTold},
		"a text under the name of a workbook": {[]byte("ID Number,Surname\r\n" + thabo + ",Nkosi\r\n"), "2 Nkosi"},
		"a web page under the name of a workbook": {[]byte("<html><table><tr><td>ID Number</td></tr></table></html>"),
			refusal.CodeNotAZip},
		"data descriptors and Zip64": {packZip64(t, xlsxtest.Parts(twoPeople)), twoTold},
		"stored parts and junk around": {xlsxtest.Pack(t, func() map[string]string {
			p := xlsxtest.Parts(twoPeople)
			p["mimetype"], p["xl/"], p["__MACOSX/._x"] = "junk", "", "junk"
			return p
		}(), func(h *zip.FileHeader) { h.Method = zip.Store }), twoTold},
		"all parts in a folder": {with("", rename(func(n string) string { return "roll/" + n })), refusal.CodeNotAWorkbook},
		"names in capitals":     {with("", rename(func(n string) string { return strings.ToUpper(n) })), twoTold},
		"bytes around the archive": {slices.Concat([]byte("HTTP/1.1 200 OK\r\n\r\n"), with(twoPeople, nil),
			[]byte("\n<!-- page -->\n")),
			twoTold},
		"a wrong size and wrong counts": {with(head+`<row r="2"><c r="A2"><v>`+thabo+`</v></c></row>`,
			func(p map[string]string) {
				shared(words)(p)
				p[sheet] = strings.Replace(p[sheet], "<sheetData>", `<dimension ref="A1:A1"/><sheetData>`, 1)
			}), "2 "},
		"two tables on a sheet": {with(xlsxtest.Rows(1, []string{"Branch A"}, []string{"ID Number", "Surname"},
			[]string{thabo, "Nkosi"}, nil,
			[]string{"Branch B"}, []string{"ID Number", "Surname"}, []string{lerato, "Smit"}), nil),
			"3 Nkosi; 5 -format; 6 -format; 7 Smit"},
		"alternate content": {with(twoPeople, func(p map[string]string) {
			const choice = `<mc:AlternateContent xmlns:mc="m"><mc:Choice Requires="x15"><sheetPr/></mc:Choice>` +
				`</mc:AlternateContent>`
			p[sheet] = strings.Replace(p[sheet], "<sheetData>", choice+"<sheetData>", 1)
			p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<sheets>", choice+"<sheets>", 1)
		}), twoTold},
		"a sheet with an empty id": {with(twoPeople, func(p map[string]string) {
			p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "<sheets>",
				`<sheets><sheet name="Gone" sheetId="9" r:id=""/>`, 1)
		}), twoTold + "; !sheet_without_rows"},
		"kinds in capitals": {with(strings.Replace(twoPeople, `<c r="A2" t="inlineStr"><is><t>`+thabo+`</t></is></c>`,
			`<c r="A2" t="N"><v>`+thabo+`</v></c>`, 1), nil), twoTold},
		"parts in UTF-16": {with("", func(p map[string]string) {
			p[sheet] = string(inUTF16("<worksheet><sheetData>"+twoPeople+"</sheetData></worksheet>", true))
		}), twoTold},
		"a formula without a result": {with(xlsxtest.Rows(1, []string{"ID Number", "Surname"})+
			`<row r="2"><c r="A2"><v>`+thabo+`</v></c><c r="B2"><f>C2</f></c></row>`+
			`<row r="3"><c r="A3"><f>C3</f><v></v></c></row>`, nil),
			"2  !formula_without_result; 3 -formula_without_result"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tellRoll(t, tt.data); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// packZip64 packs parts as programs do that do not know the sizes when they begin: each
// part is followed by a data descriptor, and has an extra field of Zip64.
func packZip64(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	return xlsxtest.Pack(t, parts, func(h *zip.FileHeader) {
		h.Extra = binary.LittleEndian.AppendUint16([]byte{1, 0, 16, 0}, 0)
		h.Extra = append(h.Extra, make([]byte, 14)...)
	})
}

func inUTF16(text string, mark bool) []byte {
	var b []byte
	if mark {
		b = []byte{0xFF, 0xFE}
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// Texts of the kinds that other programs fail at.
func TestRealTextsAreReadRight(t *testing.T) {
	const head = "ID Number,Name,Surname\n"
	const two = head + thabo + ",Thabo,Nkosi\n" + lerato + ",Lerato,Smit\n"
	far := strings.Repeat("9001010001089,N,Ascii\n", 3000)
	for name, tt := range map[string]struct{ text, want string }{
		"semicolons, and a header that lacks one": {"ID Number;Surname;Residential Address\n" + thabo +
			";Nkosi;1 Main Rd, Testville, 0001;\n", "2 Nkosi/1 Main Rd, Testville, 0001"},
		"Windows-1252":               {head + thabo + ",Zo\xEB,O\x92Brien\n", "2 O’Brien/Zoë"},
		"a mark and a quoted header": {"\xEF\xBB\xBF\"ID Number\",\"Surname\"\n" + thabo + ",Nkosi\n", "2 Nkosi"},
		"UTF-16 and tabs":            {string(inUTF16(strings.ReplaceAll(two, ",", "\t"), true)), twoTold},
		"UTF-16 without a mark":      {string(inUTF16(two, false)), twoTold},
		"carriage returns alone":     {strings.ReplaceAll(two, "\n", "\r"), twoTold},
		"all ends of lines":          {head + thabo + ",Thabo,Nkosi\r" + lerato + ",Lerato,Smit\r\n", twoTold},
		"line breaks and marks in fields": {"ID Number,Name,Surname,Residential Address\n" + thabo +
			",\"The \"\"Boss\"\", Thabo\",Nkosi,\"1 Main Rd\nTestville\"\n" + lerato + ",Lerato \"Lee\",,\"3 Main Rd\"x\n",
			"2 Nkosi/The \"Boss\", Thabo/1 Main Rd Testville; 3 /Lerato \"Lee\"/3 Main Rdx"},
		"a mark that is never closed": {head + thabo + ",\"Thabo,Nkosi\n" + lerato + ",Lerato,Smit\n",
			"2 /Thabo,Nkosi !quote_unclosed; 3 Smit/Lerato"},
		"delimiters behind the rows": {"ID Number,Name,Surname,,\n" + thabo + ",Thabo,Nkosi,,\n,,,,\n" + lerato +
			",Lerato,Smit\n,,,,\n",
			"2 Nkosi/Thabo; 4 Smit/Lerato"},
		"a line that names the delimiter": {"sep=;\r\nID Number;Surname\r\n" + thabo + ";Nkosi\r\n", "2 Nkosi"},
		"the same with a mark, quoted": {"\xEF\xBB\xBF\"sep=;\"\r\nID Number;Surname\r\n" + thabo + ";Nkosi\r\n",
			"2 Nkosi"},
		"invisible characters in addresses": {"ID Number,Surname,Email\n" + thabo + ",Nkosi,a@example.org\u00a0\n" +
			lerato +
			",Smit,\u200bb@example.org\n", "2 Nkosi/a@example.org; 3 Smit/b@example.org"},
		"bars": {strings.ReplaceAll(two, ",", "|"), twoTold},
		"a title above and a total below": {"Members, Ward 7\n\n" + two + "\nTotal,2,\n",
			"4 Nkosi/Thabo; 5 Smit/Lerato; 7 -format"},
		"NUL": {head + thabo + ",Tha\x00bo,Nkosi\n", "2 Nkosi/Thabo !characters_left_out"},
		"one bad byte": {head + thabo + ",Zoë,Nkosi\n" + lerato + ",Ren\xE9e,Smit\n",
			"2 Nkosi/Zoë; 3 Smit/Renée !bytes_unreadable"},
		"more and fewer fields": {head + thabo + ",Thabo,Nkosi,x\n" + lerato + ",Lerato\n",
			"2 Nkosi/Thabo !field_count; 3 /Lerato !field_count"},
		"dates as South African programs save them": {"ID Number;Surname;Date Joined\n" + thabo + ";Nkosi;2021/03/04\n",
			"2 Nkosi/2021-03-04"},
		"numbers with a decimal place": {"ID Number,Surname,Cell Number\n" + thabo + ".0,Nkosi,821234567.0\n",
			"2 Nkosi/+27821234567"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tellRoll(t, []byte(tt.text)); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
	if got := tellRoll(t, []byte(head+far+thabo+",Zo\xEB,Nkosi\n")); !strings.HasSuffix(got, "3002 Nkosi/Zoë") {
		t.Errorf("an accent far down: %q", got[max(0, len(got)-60):])
	}
}
