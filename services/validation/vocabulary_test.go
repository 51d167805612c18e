package validation

import (
	"testing"

	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

func TestEverySpellingOfEveryVocabularyIsUnderstood(t *testing.T) {
	vocabularies, err := schema.Vocabularies()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gender", "race", "citizenship", "language", "occupation", "qualification"} {
		if len(vocabularies[name]) == 0 {
			t.Errorf("no vocabulary %s", name)
		}
	}
	for name, vocabulary := range vocabularies {
		index, err := newWords(vocabulary)
		if err != nil {
			t.Fatalf("vocabulary %s: %v", name, err)
		}
		for word, spellings := range vocabulary {
			for _, spelling := range append([]string{word}, spellings...) {
				if spelling == "" || index[workbook.Fold(spelling)] != word {
					t.Errorf("vocabulary %s: %q means %q, want %q", name, spelling, index[workbook.Fold(spelling)], word)
				}
			}
		}
	}
}

func TestAmbiguousSpellingsAreRefused(t *testing.T) {
	if _, err := newWords(schema.Vocabulary{"Male": {"M"}, "Mixed": {"m."}}); err == nil {
		t.Error("one spelling of two words was taken")
	}
}
