package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

//go:embed vocabulary/*.json
var vocabularyFS embed.FS

// Vocabulary maps each word that is stored to its other spellings.
type Vocabulary map[string][]string

// Vocabularies returns the vocabularies by the names that Column.Vocabulary uses.
func Vocabularies() (map[string]Vocabulary, error) {
	entries, err := vocabularyFS.ReadDir("vocabulary")
	if err != nil {
		return nil, fmt.Errorf("read vocabularies: %w", err)
	}
	all := make(map[string]Vocabulary, len(entries))
	for _, entry := range entries {
		data, err := vocabularyFS.ReadFile(path.Join("vocabulary", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read vocabulary: %w", err)
		}
		var words Vocabulary
		if err := json.Unmarshal(data, &words); err != nil {
			return nil, fmt.Errorf("read vocabulary %s: %w", entry.Name(), err)
		}
		all[strings.TrimSuffix(entry.Name(), ".json")] = words
	}
	return all, nil
}
