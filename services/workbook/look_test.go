package workbook

import (
	"slices"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events/refusal"
	"rollcall.example/schema"
)

// lookAt returns what Look finds in a file.
func lookAt(t *testing.T, data []byte) (*File, Look) {
	t.Helper()
	file, err := openBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	found, err := file.Look(readColumns(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return file, found
}

func TestLookFindsWhatRollFinds(t *testing.T) {
	book := xlsx.NewFile()
	addSheet(t, book, "Notes", []string{"Members of 2026"})
	addSheet(t, book, "Roll", []string{"Surname", "ID"}, []string{"Khumalo", "8001015009087"})
	file, found := lookAt(t, saveBook(t, book))
	sheet, header, err := file.Roll(readColumns(t))
	if err != nil || found.Refused != nil || found.Sheet != sheet || found.Header.Row != header.Row ||
		!slices.Equal(found.Header.Columns, header.Columns) || file.Format() != "xlsx" {
		t.Errorf("%+v, want %v %+v, %v", found, sheet, header, err)
	}
}

// A file without a roll shows what comes nearest, so that a person can name the columns.
func TestLookShowsWhatComesNearest(t *testing.T) {
	book := xlsx.NewFile()
	addSheet(t, book, "Notes", []string{"Members", "of 2026"})
	addSheet(t, book, "Roll", []string{"Roll of the branch"}, []string{"Surname", "Cell No", "Passport"},
		[]string{"Khumalo", "0821234567", "A1"})
	for _, c := range []struct {
		name    string
		data    []byte
		code    string
		sheet   string
		row     int
		columns []string
		guess   int // -1 for none
	}{
		{"other columns", saveBook(t, book), refusal.CodeNoIDColumn, "Roll", 2,
			[]string{"Surname", "Cell No", "Passport"}, -1},
		{"nothing known", []byte("Kodi,Ila\nA,B\n"), refusal.CodeNoIDColumn, "", 1, []string{"Kodi", "Ila"}, -1},
		{"no header", []byte("8001015009087,Khumalo\n8506155000084,Nel\n"), refusal.CodeNoIDColumn, "", 0, nil, 0},
		{"no rows", []byte("ID Number,Surname\n"), refusal.CodeNoRows, "", 1, []string{"ID Number", "Surname"}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, found := lookAt(t, c.data)
			guess := -1
			if found.Header.Guess != nil {
				guess = found.Header.Guess.Column
			}
			if found.Refused == nil || found.Refused.Code != c.code || found.Sheet.Name != c.sheet ||
				found.Header.Row != c.row || !slices.Equal(found.Header.Columns, c.columns) || guess != c.guess {
				t.Errorf("%+v, guess %d, refused %v", found.Header, guess, found.Refused)
			}
		})
	}
}

func TestTextSaysHowItIsWritten(t *testing.T) {
	for encoding, data := range map[string]string{
		"utf-8":        "ID Number;Surname\n8001015009087;Zoë\n",
		"windows-1252": "ID Number;Surname\n8001015009087;Zo\xeb\n",
		"utf-16le":     "\xff\xfeI\x00D\x00;\x00N\x00\n\x001\x00;\x002\x00\n\x00",
		"utf-16be":     "\xfe\xff\x00I\x00D\x00;\x00N\x00\n\x001\x00;\x002\x00\n",
	} {
		file, err := openBytes([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		got, delimiter := file.Text()
		if got != encoding || delimiter != ";" || file.Format() != "csv" {
			t.Errorf("%q, delimiter %q, want %s", got, delimiter, encoding)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	data, err := schema.Samples.ReadFile("samples/roll-500.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	file, _ := lookAt(t, data)
	if encoding, delimiter := file.Text(); encoding+delimiter != "" {
		t.Errorf("a workbook is written in %q with %q", encoding, delimiter)
	}
}
