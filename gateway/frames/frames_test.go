package frames_test

import (
	"encoding/json"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/frames"
	"rollcall.example/schema"
)

// data is what each event that a client gets comes with.
var data = map[string]any{
	frames.EventProgress:    frames.Progress{},
	frames.EventComplete:    frames.Complete{},
	frames.EventFailed:      frames.Failed{},
	frames.EventErased:      frames.Erased{},
	frames.EventRateLimit:   frames.RateLimit{},
	frames.EventRateWarning: frames.RateLimit{},
	frames.EventAck:         frames.Ack{},
	frames.EventError:       refusal.Frame{},
	frames.EventPong:        struct{}{},
}

// object is the part of a JSON Schema that a struct shows too.
type object struct {
	Ref        string            `json:"$ref"`
	Type       string            `json:"type"`
	Enum       []string          `json:"enum"`
	Const      any               `json:"const"`
	Properties map[string]object `json:"properties"`
	Required   []string          `json:"required"`
	Defs       map[string]object `json:"$defs"`
}

func readSchema(t *testing.T, file string) (o object) {
	t.Helper()
	text, err := schema.Schemas.ReadFile(file)
	if err == nil {
		// The id of an answer is anything: true.
		err = json.Unmarshal([]byte(strings.ReplaceAll(string(text), `"id": true`, `"id": {}`)), &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// resolve follows a reference into events/common.json.
func resolve(t *testing.T, o object) object {
	t.Helper()
	if o.Ref == "" {
		return o
	}
	_, name, _ := strings.Cut(o.Ref, "../events/common.json#/$defs/")
	found, ok := readSchema(t, "events/common.json").Defs[name]
	if !ok {
		t.Fatalf("nothing at %s", o.Ref)
	}
	return found
}

func TestEachEventHasASchema(t *testing.T) {
	files, err := fs.Glob(schema.Schemas, "frames/*.json")
	if err != nil || len(files) != len(data) {
		t.Fatalf("%d schemas for %d events, %v", len(files), len(data), err)
	}
	for _, file := range files {
		event := strings.TrimSuffix(path.Base(file), ".json")
		frame := readSchema(t, file)
		if _, ok := data[event]; !ok || frame.Properties["event"].Const != event {
			t.Errorf("%s is of %v", file, frame.Properties["event"].Const)
		}
	}
}

func TestStructsAreWhatTheSchemasSay(t *testing.T) {
	for event, v := range data {
		check(t, event, reflect.TypeOf(v), readSchema(t, "frames/"+event+".json").Properties["data"])
	}
}

// check holds a struct against the schema of an object.
func check(t *testing.T, at string, typ reflect.Type, want object) {
	t.Helper()
	fields := map[string]bool{}
	for _, f := range fieldsOf(typ) {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = true
		property, ok := want.Properties[name]
		required := slices.Contains(want.Required, name)
		switch {
		case !ok && option == "":
			t.Errorf("%s: %s is always written, and not in the schema", at, name)
		case ok && option == "" && !required:
			t.Errorf("%s: %s is always written, and the schema does not require it", at, name)
		case ok && option != "" && required && at != frames.EventRateLimit:
			t.Errorf("%s: the schema requires %s, which is not always written", at, name)
		case ok:
			checkType(t, at+"."+name, f.Type, resolve(t, property))
		}
	}
	for name := range want.Properties {
		if !fields[name] {
			t.Errorf("%s: no field for %s", at, name)
		}
	}
}

// fieldsOf returns the fields of a struct, those of embedded ones in their place.
func fieldsOf(typ reflect.Type) (list []reflect.StructField) {
	for f := range typ.Fields() {
		if f.Anonymous {
			list = append(list, fieldsOf(f.Type)...)
		} else {
			list = append(list, f)
		}
	}
	return list
}

func checkType(t *testing.T, at string, typ reflect.Type, want object) {
	t.Helper()
	if want.Type == "" && (want.Enum != nil || want.Const != nil) {
		want.Type = "string"
	}
	got := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number",
		reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint64: "integer", reflect.Struct: "object",
	}[typ.Kind()]
	if typ == reflect.TypeFor[time.Time]() {
		got = "string"
	}
	if got != want.Type {
		t.Errorf("%s is %s, and %s in the schema", at, typ, want.Type)
	}
	if got == "object" {
		check(t, at, typ, want)
	}
}
