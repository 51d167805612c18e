package validation

import (
	"fmt"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// wordIndex maps the folded spellings of a vocabulary to the word that is stored.
type wordIndex map[string]string

// indexWords indexes a vocabulary. It refuses one in which a spelling means two
// words.
func indexWords(v schema.Vocabulary) (wordIndex, error) {
	index := make(wordIndex)
	add := func(spelling, word string) error {
		key := workbook.Fold(spelling)
		if other, ok := index[key]; ok && other != word {
			return fmt.Errorf("%q means both %q and %q", spelling, other, word)
		}
		index[key] = word
		return nil
	}
	for word, spellings := range v {
		if err := add(word, word); err != nil {
			return nil, err
		}
		for _, spelling := range spellings {
			if err := add(spelling, word); err != nil {
				return nil, err
			}
		}
	}
	return index, nil
}
