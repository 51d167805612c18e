package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Frames holds a JSON Schema for each frame that the gateway sends,
// frames/<event>.json. They refer to events/common.json.
//
//go:embed frames/*.json
var Frames embed.FS

const framesBase = "https://rollcall.example/schema/frames/"

var compileFrames = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	names, err := fs.Glob(Frames, "frames/*.json")
	if err != nil {
		return nil, fmt.Errorf("list frame schemas: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := addResource(c, Events, "events/common.json", eventsBase); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := addResource(c, Frames, name, framesBase); err != nil {
			return nil, err
		}
	}
	compiled := make(map[string]*jsonschema.Schema, len(names))
	for _, name := range names {
		s, err := c.Compile(framesBase + path.Base(name))
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", name, err)
		}
		compiled[strings.TrimSuffix(path.Base(name), ".json")] = s
	}
	return compiled, nil
})

func addResource(c *jsonschema.Compiler, files fs.FS, name, base string) error {
	f, err := files.Open(name)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		return fmt.Errorf("parse %s: %w", name, err)
	}
	if err := c.AddResource(base+path.Base(name), doc); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	return nil
}

// CheckFrame holds the text of a frame that the gateway sent against the schema
// of its event. An event without a schema is an error.
func CheckFrame(text string) error {
	all, err := compileFrames()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("check frame: %w", err)
	}
	fields, _ := doc.(map[string]any)
	event, _ := fields["event"].(string)
	s, ok := all[event]
	if !ok {
		return fmt.Errorf("no schema for frames of event %q", event)
	}
	if err := s.Validate(doc); err != nil {
		return fmt.Errorf("check frame %s: %w", event, err)
	}
	return nil
}
