package validation

import (
	"strings"
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
		index, err := indexWords(vocabulary)
		if err != nil {
			t.Fatalf("vocabulary %s: %v", name, err)
		}
		for word, spellings := range vocabulary {
			for _, spelling := range append([]string{word}, spellings...) {
				if spelling == "" || index[workbook.Fold(spelling)] != word {
					t.Errorf("vocabulary %s: %q means %q, want %q", name, spelling, index[workbook.Fold(spelling)],
						word)
				}
			}
		}
	}
}

func TestAmbiguousSpellingsAreRefused(t *testing.T) {
	if _, err := indexWords(schema.Vocabulary{"Male": {"M"}, "Mixed": {"m."}}); err == nil {
		t.Error("a spelling of two words is accepted")
	}
}

func TestPartOfASpellingIsNoSpelling(t *testing.T) {
	vocabularies, err := schema.Vocabularies()
	if err != nil {
		t.Fatal(err)
	}
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range columns {
		if column.Kind != schema.KindVocabulary {
			continue
		}
		for word, spellings := range vocabularies[column.Vocabulary] {
			for _, spelling := range append([]string{word}, spellings...) {
				for _, text := range []string{spelling + " qq", "Qq " + spelling, spelling + "/" + "qq"} {
					got := judgeTexts(t, []string{"id_number", column.Field}, textRow(4, "8001015009087", text))
					if len(got.rows) != 1 {
						t.Fatalf("rejects %+v", got.rejects)
					}
					row := got.rows[0]
					if row.Fields[column.Field] != text {
						t.Errorf("%s: %q is stored as %q", column.Field, text, row.Fields[column.Field])
					}
					if len(row.Warnings) != 1 || row.Warnings[0].Code != WarnWord ||
						row.Warnings[0].Field != column.Field ||
						!strings.Contains(row.Warnings[0].Message, text) {
						t.Errorf("%s: %q gives the warnings %+v", column.Field, text, row.Warnings)
					}
				}
			}
		}
	}
}
