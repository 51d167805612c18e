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

// Schemas holds a JSON Schema for the body of each kind of event,
// events/<kind>.json, and for each frame of the WebSocket, frames/<event>.json.
// Their shared parts are in events/common.json.
//
//go:embed events/*.json frames/*.json
var Schemas embed.FS

// AsyncAPI is the AsyncAPI 3.0 description of WebSocket, Socket.IO and NATS. Its
// references lead to Schemas.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte

// Documents holds openapi.yaml, which describes the REST API and the health of
// processes (OpenAPI 3.1, one file without references to others), and asyncapi.yaml
// with everything it refers to.
//
//go:embed openapi.yaml asyncapi.yaml events/*.json frames/*.json
var Documents embed.FS

const baseURL = "https://rollcall.example/schema/"

// compileSchemas compiles all schemas, once, by their names without extension.
var compileSchemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	var names []string
	for _, pattern := range []string{"events/*.json", "frames/*.json"} {
		found, err := fs.Glob(Schemas, pattern)
		if err != nil {
			return nil, fmt.Errorf("list schemas: %w", err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		f, err := Schemas.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		if err := c.AddResource(baseURL+name, doc); err != nil {
			return nil, fmt.Errorf("add %s: %w", name, err)
		}
	}
	compiled := make(map[string]*jsonschema.Schema, len(names))
	for _, name := range names {
		s, err := c.Compile(baseURL + name)
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", name, err)
		}
		compiled[strings.TrimSuffix(name, path.Ext(name))] = s
	}
	return compiled, nil
})

// Event returns the compiled JSON Schema of a kind of event: uploaded, validated,
// ..., progress. It fails for an unknown kind.
func Event(kind string) (*jsonschema.Schema, error) { return findSchema("events/" + kind) }

// Frame returns the compiled JSON Schema of a frame that the gateway sends:
// bulk_upload_progress, ack and so on. It fails for an unknown frame.
func Frame(event string) (*jsonschema.Schema, error) { return findSchema("frames/" + event) }

func findSchema(name string) (*jsonschema.Schema, error) {
	all, err := compileSchemas()
	if err != nil {
		return nil, err
	}
	s, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("no schema %s", name)
	}
	return s, nil
}
