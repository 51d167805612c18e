package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Events holds a JSON Schema for the body of each kind of event,
// events/<kind>.json, and common.json with the parts they share.
//
//go:embed events/*.json
var Events embed.FS

const eventsBase = "https://rollcall.example/schema/events/"

var compileEvents = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	names, err := fs.Glob(Events, "events/*.json")
	if err != nil {
		return nil, fmt.Errorf("list event schemas: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range names {
		f, err := Events.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		if err := c.AddResource(eventsBase+path.Base(name), doc); err != nil {
			return nil, fmt.Errorf("add %s: %w", name, err)
		}
	}
	compiled := make(map[string]*jsonschema.Schema, len(names))
	for _, name := range names {
		base := path.Base(name)
		if base == "common.json" {
			continue
		}
		s, err := c.Compile(eventsBase + base)
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", name, err)
		}
		compiled[base[:len(base)-len(".json")]] = s
	}
	return compiled, nil
})

// Event returns the compiled JSON Schema of a kind of event: uploaded,
// validated, ..., progress.
func Event(kind string) (*jsonschema.Schema, error) {
	all, err := compileEvents()
	if err != nil {
		return nil, err
	}
	s, ok := all[kind]
	if !ok {
		return nil, fmt.Errorf("no schema for events of kind %q", kind)
	}
	return s, nil
}
