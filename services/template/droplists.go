package template

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

// addDropLists gives each column that has a vocabulary a drop-down list of its
// words. The words stand on a hidden sheet: a list within the rule itself may
// have 255 characters only. Other words may be typed, for they are kept.
func addDropLists(book *xlsx.File, members *xlsx.Sheet, columns []schema.Column) error {
	vocabularies, err := schema.Vocabularies()
	if err != nil {
		return err
	}
	lists, err := book.AddSheet("Lists")
	if err != nil {
		return fmt.Errorf("write template: %w", err)
	}
	lists.Hidden = true
	at := 0
	for i, column := range columns {
		if column.Kind != schema.KindVocabulary {
			continue
		}
		words := slices.Sorted(maps.Keys(vocabularies[column.Vocabulary]))
		for n, word := range words {
			cell, err := lists.Cell(n, at)
			if err != nil {
				return fmt.Errorf("write template: %w", err)
			}
			cell.SetString(word)
		}
		rule := xlsx.NewDataValidation(1, i, xlsx.Excel2006MaxRowIndex, i, true)
		title, text := "Not on the list", "Another word is kept as you type it. Is the spelling right?"
		rule.SetError(xlsx.StyleInformation, &title, &text)
		if err := rule.SetInFileList(lists.Name, at, 0, at, len(words)-1); err != nil {
			return fmt.Errorf("write template: %w", err)
		}
		members.AddDataValidation(rule)
		at++
	}
	return nil
}
