package workbook

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"rollcall.example/schema"
)

func TestHeadersAreFoundByMeaning(t *testing.T) {
	index := newHeaderIndex(readColumns(t))
	for text, want := range map[string]string{
		"CELL NO": "cell_number", "CELLNO": "cell_number", "Cell\u200b Number\n(mobile)": "cell_number",
		"Selfoon": "cell_number", "Sel Nr.": "cell_number", "CellNumber": "cell_number",
		"WARD NO": "ward", "Ward_Nr": "ward", "Wyk nommer": "ward", "WARD #": "ward",
		"Identity No.": "id_number", "ID Nommer": "id_number", "\ufeffID Number *": "id_number",
		"ID\u00a0Number (13 digits)": "id_number", "ID number 13 digits": "id_number", "Ｉ.Ｄ. Ｎｏ": "id_number",
		"ID Number / ID Nommer": "id_number", "Identity № (required)": "id_number", "idno": "id_number",
		"Inombolo Yesazisi": "id_number", "ID NOMORO": "id_number", "Buka ya boitsebiso": "id_number",
		"SEFANE": "surname", "Leina": "firstname", "Leina la Ntlha": "firstname", "Lebitso la ho qetela": "surname",
		"Igama lokuqala": "firstname", "Igama lokugqibela": "surname", "Nomoro ya mogala": "cell_number",
		"Mohala (lapeng)": "landline_number", "Umnxeba: Ekhaya": "landline_number", "Polelo": "language",
		"Van": "surname", "VAN / SURNAME": "surname", "Van (Surname)": "surname", "Súrnàme": "surname",
		"Voornaam": "firstname", "Naam": "firstname", "Isibongo": "surname", "Ifani": "surname",
		"Residensiele adres": "residential_address", "E-pos": "email", "Ouderdom (jaar)": "age",
		"Age in years": "age", "Membership Amount (R)": "membership_amount",
		"Date joined (dd/mm/yyyy)": "date_joined", "Contact (Email)": "", "Shoe Size": "", "No": "", "Number": "",
		"DATE OF BIRTH": "date_of_birth", "D.O.B": "date_of_birth", "DOB (dd/mm/yyyy)": "date_of_birth",
		"Geboortedatum": "date_of_birth", "Date of birth / Geboortedatum": "date_of_birth", "Birth Year": "",
		"Title (Mr/Mrs)": "title", "Titel": "title", "DISTRICT": "district", "Distrik": "district",
		"Name(s) & Surname": "full_name", "NAAM EN VAN": "full_name", "FULL NAME(S)": "full_name",
		"(ID)": "id_number", "": "", "13": "", "Surname / Ward": "", "Valid": "", "Membership No": "", "Member ID": "",
	} {
		if got, _ := index.match(collapseSpaces(text)); got != want {
			t.Errorf("%q means %q, want %q", text, got, want)
		}
	}
}

func TestOfTwoColumnsTheExactOrTheFullerIsUsed(t *testing.T) {
	id := "8001015009087"
	for name, test := range map[string]struct {
		rows []Row
		want int
		more int
	}{
		"exact":  {[]Row{newTextRow(1, "ID", "Cell No. (1)", "Cell Number"), newTextRow(2, id, "0821234567", "")}, 2, 1},
		"fuller": {[]Row{newTextRow(1, "ID", "Cell Number", "Cell Number"), newTextRow(2, id, "", "0821234567")}, 2, 1},
		"left":   {[]Row{newTextRow(1, "ID", "Cell Number", "Cell Number"), newTextRow(2, id, "1", "2")}, 1, 2},
	} {
		h, err := searchHeader(test.rows, readColumns(t))
		used, told := h.Twice[test.more]
		if err != nil || h.Fields["cell_number"] != test.want || !told || used != test.want {
			t.Errorf("%s: fields %v, twice %v, %v", name, h.Fields, h.Twice, err)
		}
	}
	h, err := searchHeader([]Row{newTextRow(1, "ID", "RSA ID"), newTextRow(2, "17", id)}, readColumns(t))
	if err != nil || h.Fields[schema.FieldID] != 1 || h.Twice[0] != 1 || h.Guess != nil {
		t.Errorf("a running number is taken for the ID number: %+v, %v", h, err)
	}
}

// Name is the first name, unless another column is that.
func TestNameBesideFirstnameIsTheFullName(t *testing.T) {
	id := "8001015009087"
	for _, test := range []struct {
		header, first, full string // full: of the full name, or of the column that is used twice
	}{
		{"ID,Name,Surname", "Name", ""},
		{"ID,Name,Firstname,Surname", "Firstname", "Name"},
		{"ID,First Name,Surname,NAME", "First Name", "NAME"},
		{"ID,Naam,Voornaam,Van", "Voornaam", "Naam"},
		{"ID,Name,Full Names,Surname", "Name", "Full Names"},
		{"ID,Names", "", "Names"},
		{"ID,Name & Surname", "", "Name & Surname"},
		{"ID,Van en Voorletters", "", "Van en Voorletters"},
		{"ID,Surname / Names", "", "Surname / Names"},
	} {
		texts := strings.Split(test.header, ",")
		// The first name's cells are blank, which makes its column no less the first name's.
		cells := strings.Split(strings.Replace(test.header, test.first, "", 1), ",")
		cells[0] = id
		h, err := searchHeader([]Row{newTextRow(1, texts...), newTextRow(2, cells...)}, readColumns(t))
		for field, want := range map[string]string{schema.FieldFirstname: test.first, schema.FieldFullName: test.full} {
			got := ""
			if i, ok := h.Fields[field]; ok {
				got = texts[i]
			}
			if err != nil || got != want || len(h.Twice) > 0 {
				t.Errorf("%s: %s is %q, want %q; twice %v, %v", test.header, field, got, want, h.Twice, err)
			}
		}
	}
	for header, twice := range map[string]map[int]int{
		"ID,Name,Firstname,Full Name": {1: 2}, "ID,Name,Name": {2: 1}, "ID,Name,Naam,Surname": {2: 1},
		"ID,Firstname,Name,Name": {3: 1}, "ID,Firstname,First Name,Name": {2: 1},
	} {
		h, err := searchHeader([]Row{newTextRow(1, strings.Split(header, ",")...)}, readColumns(t))
		if err != nil || !maps.Equal(h.Twice, twice) {
			t.Errorf("%s: %v, twice %v, %v", header, h.Fields, h.Twice, err)
		}
	}
}

func TestTwoRowsAreOneHeader(t *testing.T) {
	id := "8001015009087"
	for name, test := range map[string]struct {
		rows []Row
		want []string
	}{
		"merged over two rows": {[]Row{newTextRow(1, "Roll"), newTextRow(2, "ID Number", "Person", "", "Cell Number"),
			newTextRow(3, "", "Name", "Surname"), newTextRow(4, id, "A", "B", "0821234567")},
			[]string{"id_number", "firstname", "surname", "cell_number"}},
		"split names": {[]Row{newTextRow(2, "ID", "Voting", "", "Cell"),
			newTextRow(3, "Number", "District", "Station", "Number"), newTextRow(4, id, "1", "2", "3")},
			[]string{"id_number", "voting_district", "voting_station", "cell_number"}},
		"a group above": {[]Row{newTextRow(2, "Member", "", "Contact"), newTextRow(3, "ID Number", "Name", "Email"),
			newTextRow(4, id, "A", "B")}, []string{"id_number", "firstname", "email"}},
	} {
		h, err := searchHeader(test.rows, readColumns(t))
		var got []string
		for i := range test.want {
			for field, at := range h.Fields {
				if at == i {
					got = append(got, field)
				}
			}
		}
		if err != nil || h.Row != test.rows[len(test.rows)-1].N-1 || !slices.Equal(got, test.want) {
			t.Errorf("%s: row %d, %v, %v, %v", name, h.Row, got, h.Columns, err)
		}
	}
}

func TestIDNumbersTellTheirColumn(t *testing.T) {
	ids := []string{"8001015009087", "9001010001088", "850615 5000 084"}
	rows := func(header ...string) []Row {
		list := []Row{newTextRow(1, header...)}
		for i, id := range ids {
			list = append(list, newTextRow(2+i, "A", id, "5"))
		}
		return append(list, newTextRow(9, "A", "unknown", "5"))
	}
	for name, header := range map[string][]string{
		"an unknown word": {"Surname", "Bewysnommer", "Age"}, "no word": {"Surname", "", "Age"},
		"another column is called so": {"Surname", "Kode", "ID"},
		"nothing is known":            {"Aa", "Bb", "Cc"},
	} {
		h, err := searchHeader(rows(header...), readColumns(t))
		if err != nil || h.Fields[schema.FieldID] != 1 || h.Guess == nil || *h.Guess != (Guess{1, 3, 4}) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	few := []Row{newTextRow(1, "Surname", "Kode"), newTextRow(2, "A", ids[0]), newTextRow(3, "B", "1"),
		newTextRow(4, "C", "2")}
	if h, err := searchHeader(few, readColumns(t)); err == nil {
		t.Errorf("one ID number of three cells is enough: %+v", h)
	}
}

func TestIDNumbersTellTheirColumnInEverySpelling(t *testing.T) {
	cells := []Cell{
		{Text: "8001015009087.0"}, {Text: "'8001015009087"}, {Text: `="8001015009087"`}, {Text: "８００１０１５００９０８７"},
		{Text: "٨٠٠١٠١٥٠٠٩٠٨٧"}, {Text: "800101\u200b5009\u00a0087"}, {Text: "8.001015009087E+12"},
		{Text: "7045006082", Kind: Number}, {Text: "102030005080", Kind: Number}, {Text: "102030005080.0"},
	}
	for _, cell := range cells {
		if !isIDNumber(cell) {
			t.Errorf("%+v is no ID number", cell)
		}
	}
	for _, cell := range []Cell{
		{Text: "7045006082"}, {Text: "7045006083", Kind: Number}, {Text: "821234567", Kind: Number},
		{Text: "8.00101E+12"}, {Text: "8001015009086"}, {Text: ""}, {Text: "8001015009087.5"},
	} {
		if isIDNumber(cell) {
			t.Errorf("%+v is an ID number", cell)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, text := range []string{"ID Number (13 digits)", "Van / Surname", "((", "CELLNO", "Ｉ.Ｄ.", "a)b(c",
		"\u200bID"} {
		f.Add(text)
	}
	index := newHeaderIndex(readColumns(f))
	f.Fuzz(func(t *testing.T, text string) {
		field, exact := index.match(text)
		if exact && index.exact[Fold(text)] != field {
			t.Fatalf("%q is not exactly %s", text, field)
		}
		if again, _ := index.match(" " + text + " "); len(text) < maxHeader-2 && again != field {
			t.Fatalf("%q means %q, with spaces %q", text, field, again)
		}
	})
}
