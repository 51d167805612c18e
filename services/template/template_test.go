package template

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

func TestTheTemplateOffersTheWordsOfAVocabulary(t *testing.T) {
	data, err := Workbook()
	if err != nil {
		t.Fatal(err)
	}
	book, err := xlsx.OpenBinary(data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	vocabularies, err := schema.Vocabularies()
	if err != nil {
		t.Fatal(err)
	}
	from := make(map[string]string) // the list of a column, by its letters
	for _, rule := range book.Sheet["Members"].DataValidations {
		column, _, _ := strings.Cut(rule.Sqref, "2:")
		from[column] = rule.Formula1
		if rule.Type != "list" || rule.ErrorStyle == nil || *rule.ErrorStyle != "information" {
			t.Errorf("rule of column %s does not let other words through: %+v", column, rule)
		}
	}
	offered := 0
	for i, c := range columns {
		list, ok := from[xlsx.ColIndexToLetters(i)]
		if ok != (c.Kind == schema.KindVocabulary) {
			t.Errorf("%s has a list: %v", c.Header, ok)
		}
		if !ok {
			continue
		}
		offered++
		want := slices.Sorted(maps.Keys(vocabularies[c.Vocabulary]))
		if got := wordsAt(t, book, list); !slices.Equal(got, want) {
			t.Errorf("%s offers %q from %s, want %q", c.Header, got, list, want)
		}
	}
	if offered != len(vocabularies) || !book.Sheet["Lists"].Hidden {
		t.Errorf("%d lists of %d vocabularies; hidden: %v", offered, len(vocabularies), book.Sheet["Lists"].Hidden)
	}
}

// wordsAt reads the cells of one column that a formula like 'Lists'!$B$1:$B$5 names.
func wordsAt(t *testing.T, book *xlsx.File, formula string) []string {
	t.Helper()
	sheet, area, _ := strings.Cut(formula, "!")
	first, last, _ := strings.Cut(strings.ReplaceAll(area, "$", ""), ":")
	x, y, err := xlsx.GetCoordsFromCellIDString(first)
	if err != nil {
		t.Fatal(err)
	}
	_, end, err := xlsx.GetCoordsFromCellIDString(last)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for ; y <= end; y++ {
		cell, err := book.Sheet[strings.Trim(sheet, "'")].Cell(y, x)
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, cell.Value)
	}
	return words
}

func TestATemplateFilledInIsARoll(t *testing.T) {
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	headers, cells := []string{}, []string{}
	for _, c := range columns {
		if examples[c.Field] == "" {
			t.Errorf("no example for %s", c.Field)
		}
		headers, cells = append(headers, c.Header), append(cells, examples[c.Field])
	}
	if len(examples) != len(columns) {
		t.Errorf("%d examples for %d columns", len(examples), len(columns))
	}
	file := xlsx.NewFile()
	sheet, err := file.AddSheet("Members")
	if err != nil {
		t.Fatal(err)
	}
	addRow(sheet, headers...)
	addRow(sheet, cells...)
	var roll bytes.Buffer
	if err := file.Write(&roll); err != nil {
		t.Fatal(err)
	}
	// Which is what an upload has to pass.
	_, err = workbook.Preflight(t.Context(), bytes.NewReader(roll.Bytes()), int64(roll.Len()), workbook.Budget{}, columns)
	if err != nil {
		t.Error(err)
	}
}
