package gateway

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/frames"
	"rollcall.example/schema"
)

// asyncAPI is the document that describes all messages.
type asyncAPI struct {
	t    *testing.T
	root any
}

func loadAsyncAPI(t *testing.T) asyncAPI {
	t.Helper()
	doc := asyncAPI{t: t}
	if err := yaml.Unmarshal(schema.AsyncAPI, &doc.root); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at follows keys from a node, and references between them. It returns nil where there is
// nothing.
func (d asyncAPI) at(node any, keys ...string) any {
	for _, key := range keys {
		m, ok := d.resolve(node).(map[string]any)
		if !ok {
			return nil
		}
		node = m[key]
	}
	return d.resolve(node)
}

func (d asyncAPI) resolve(node any) any {
	m, ok := node.(map[string]any)
	if !ok {
		return node
	}
	ref, ok := m["$ref"].(string)
	if !ok {
		return node
	}
	return d.find(ref)
}

// find returns what a reference names, nil where there is nothing.
func (d asyncAPI) find(ref string) any {
	file, pointer, _ := strings.Cut(ref, "#")
	node := d.root
	if file != "" {
		text, err := schema.Schemas.ReadFile(path.Clean(file))
		if err != nil {
			return nil
		}
		if err := json.Unmarshal(text, &node); err != nil {
			d.t.Fatalf("%s: %v", file, err)
		}
	}
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if key == "" {
			continue
		}
		m, ok := node.(map[string]any)
		if !ok {
			return nil
		}
		node = m[key]
	}
	return node
}

// payload returns the reference of a message to its payload.
func (d asyncAPI) payload(channel, message string) string {
	m, _ := d.at(d.root, "channels", channel, "messages", message).(map[string]any)
	payload, _ := m["payload"].(map[string]any)
	ref, _ := payload["$ref"].(string)
	return ref
}

func TestAsyncAPIReferencesResolve(t *testing.T) {
	d := loadAsyncAPI(t)
	refs := 0
	var walk func(at string, node any)
	walk = func(at string, node any) {
		switch n := node.(type) {
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok {
				if refs++; d.find(ref) == nil {
					t.Errorf("%s: nothing at %s", at, ref)
				}
			}
			for k, v := range n {
				walk(at+"/"+k, v)
			}
		case []any:
			for _, v := range n {
				walk(at+"/[]", v)
			}
		}
	}
	walk("", d.root)
	if refs < 100 {
		t.Errorf("only %d references", refs)
	}
	// A channel without an operation is one that nobody uses.
	used := map[string]bool{}
	operations, _ := d.at(d.root, "operations").(map[string]any)
	for name, op := range operations {
		ref, _ := op.(map[string]any)["channel"].(map[string]any)["$ref"].(string)
		if used[strings.TrimPrefix(ref, "#/channels/")] = true; d.at(op, "action") == nil {
			t.Errorf("operation %s has no action", name)
		}
	}
	channels, _ := d.at(d.root, "channels").(map[string]any)
	for name := range channels {
		if !used[name] {
			t.Errorf("no operation on channel %s", name)
		}
	}
}

// schemas returns the names of the JSON Schemas in a folder.
func schemas(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := fs.Glob(schema.Schemas, folder+"/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", folder, files, err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(path.Base(f), ".json"); name != "common" {
			names = append(names, name)
		}
	}
	return names
}

func TestAsyncAPIDescribesEveryFrame(t *testing.T) {
	d := loadAsyncAPI(t)
	described := schemas(t, "frames")
	for _, event := range described {
		if ref := d.payload("websocket", event); ref != "./frames/"+event+".json" {
			t.Errorf("websocket: %s is described by %q", event, ref)
		}
		if event == frames.EventAck {
			continue // an acknowledgement, no event
		}
		args, _ := d.at(d.root, "channels", "socketio", "messages", event, "payload", "items").([]any)
		if len(args) == 0 || args[0].(map[string]any)["$ref"] != "./frames/"+event+".json#/properties/data" {
			t.Errorf("socketio: %s is described by %v", event, args)
		}
	}
	for _, event := range []string{frames.EventAuthenticate, frames.EventSubscribe, frames.EventUnsubscribe,
		frames.EventPing} {
		got := d.at(d.root, "channels", "websocket", "messages", event, "payload", "properties", "event", "const")
		if got != event {
			t.Errorf("websocket: request %s is described as %v", event, got)
		}
		if got := d.at(d.root, "channels", "socketio", "messages", event, "name"); got != event {
			t.Errorf("socketio: request %s is described as %v", event, got)
		}
	}
	codes, _ := d.find("./frames/error.json#/properties/data/properties/code/enum").([]any)
	want := []any{refusal.CodeUnauthenticated, refusal.CodeForbidden, refusal.CodeNotFound, refusal.CodeBadRequest,
		refusal.CodeTooManySubscriptions, refusal.CodeOverloaded}
	if !slices.Equal(codes, want) {
		t.Errorf("codes %v, want %v", codes, want)
	}
}

func TestAsyncAPIDescribesEveryKind(t *testing.T) {
	d := loadAsyncAPI(t)
	kinds := append(slices.Clone(events.Kinds), events.KindProgress)
	for _, name := range schemas(t, "events") {
		fact, ofCase := strings.CutPrefix(name, "case_")
		switch {
		case ofCase && slices.Contains(cases.FactKinds, cases.FactKind(fact)), name == "access":
		case !slices.Contains(kinds, events.Kind(name)):
			t.Errorf("there is no kind %s", name)
		}
	}
	if ref := d.payload("access", "access"); ref != "./events/access.json" {
		t.Errorf("access is described by %q", ref)
	}
	listed, _ := d.at(d.root, "channels", "live", "parameters", "kind", "enum").([]any)
	for _, kind := range kinds {
		name := string(kind)
		if got, want := d.at(d.root, "channels", name, "address"), events.Subject("{jobId}", kind); got != want {
			t.Errorf("%s has the subject %v, want %s", name, got, want)
		}
		for _, channel := range []string{name, "live"} {
			if ref := d.payload(channel, name); ref != "./events/"+name+".json" {
				t.Errorf("%s: %s is described by %q", channel, name, ref)
			}
		}
		if !slices.Contains(listed, any(name)) {
			t.Errorf("live: %s is not listed", name)
		}
	}
	for _, kind := range cases.FactKinds {
		name := "case_" + string(kind)
		if got, want := d.at(d.root, "channels", name, "address"), cases.Subject("{caseId}", kind); got != want {
			t.Errorf("%s has the subject %v, want %s", name, got, want)
		}
		if ref := d.payload(name, name); ref != "./events/"+name+".json" {
			t.Errorf("%s is described by %q", name, ref)
		}
	}
	for _, stage := range events.Stages {
		want := "#/channels/" + string(stage.Consumes())
		op, _ := d.at(d.root, "operations", "work_"+string(stage), "channel").(map[string]any)
		if channel, _ := d.find(want).(map[string]any); channel == nil || op["address"] != channel["address"] {
			t.Errorf("%s consumes %v, want %s", stage, op["address"], want)
		}
	}
}
