package whatif

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"rollcall.example/schema"
)

// yamlRules are schema.Rules as YAML has them. Words and codes are texts even where they
// look like numbers or truth values. Numbers stay texts, so that schema.ReadRules judges
// them.
type yamlRules struct {
	Vocabularies map[string]schema.Vocabulary `yaml:"vocabularies" json:"vocabularies,omitempty"`
	Aliases      map[string][]string          `yaml:"aliases" json:"aliases,omitempty"`
	Youngest     json.Number                  `yaml:"youngest" json:"youngest,omitempty"`
	Oldest       json.Number                  `yaml:"oldest" json:"oldest,omitempty"`
	WardTarget   json.Number                  `yaml:"ward_target" json:"ward_target,omitempty"`
	WardRegions  map[string]string            `yaml:"ward_regions" json:"ward_regions,omitempty"`
}

// ReadRules reads rules from a file: YAML where its name ends in .yaml or .yml, else JSON.
func ReadRules(file string) (schema.Rules, error) {
	f, err := os.Open(file)
	if err != nil {
		return schema.Rules{}, err
	}
	defer func() { _ = f.Close() }() // a reader
	if ext := filepath.Ext(file); ext != ".yaml" && ext != ".yml" {
		return schema.ReadRules(f)
	}
	in := yaml.NewDecoder(f)
	in.KnownFields(true)
	var given yamlRules
	if err := in.Decode(&given); err != nil {
		return schema.Rules{}, fmt.Errorf("read rules: %w", err)
	}
	if err := in.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return schema.Rules{}, errors.New("read rules: there is text after the rules")
	}
	text, err := json.Marshal(given)
	if err != nil {
		return schema.Rules{}, fmt.Errorf("read rules: %w", err)
	}
	return schema.ReadRules(bytes.NewReader(text))
}
