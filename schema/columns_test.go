package schema_test

import (
	"regexp"
	"testing"

	"rollcall.example/schema"
)

func TestColumns(t *testing.T) {
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	vocabularies, err := schema.Vocabularies()
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) == 0 || columns[0].Field != schema.FieldID || columns[0].Kind != schema.KindID {
		t.Fatalf("the first column is not the ID number: %+v", columns)
	}
	kinds := map[schema.Kind]bool{
		schema.KindID: true, schema.KindText: true, schema.KindCell: true, schema.KindLandline: true,
		schema.KindEmail: true,
		schema.KindAge:   true, schema.KindVocabulary: true, schema.KindCode: true, schema.KindDate: true,
		schema.KindMoney: true,
	}
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	seen, used := make(map[string]bool), make(map[string]bool)
	for _, column := range columns {
		if !name.MatchString(column.Field) || seen[column.Field] || column.Header == "" || !kinds[column.Kind] {
			t.Errorf("bad column %+v", column)
		}
		seen[column.Field] = true
		if (column.Kind == schema.KindVocabulary) != (len(vocabularies[column.Vocabulary]) > 0) {
			t.Errorf("column %s: kind %s, vocabulary %q", column.Field, column.Kind, column.Vocabulary)
		}
		used[column.Vocabulary] = true
	}
	for _, column := range columns {
		for _, a := range column.Aliases {
			if a.Or != "" && (!seen[a.Or] || a.Or == column.Field) {
				t.Errorf("column %s: %v mean %q or else", column.Field, a.Words, a.Or)
			}
		}
	}
	for name := range vocabularies {
		if !used[name] {
			t.Errorf("vocabulary %s has no column", name)
		}
	}
}

func TestEachAliasHasASourceThatIsNamed(t *testing.T) {
	sources, err := schema.Sources()
	if err != nil {
		t.Fatal(err)
	}
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, c := range columns {
		for _, a := range c.Aliases {
			used[a.Source] = true
			if a.Source != "" && sources[a.Source] == "" {
				t.Errorf("%s: no source is named %q", c.Field, a.Source)
			}
		}
	}
	for name := range sources {
		if !used[name] {
			t.Errorf("source %q is not used", name)
		}
	}
}
