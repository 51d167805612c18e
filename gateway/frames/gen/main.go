// Command gen writes the TypeScript client's types of frames from the JSON Schemas in
// schema/frames. go generate runs it in gateway/frames.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"

	"rollcall.example/schema"
)

const (
	// target is where go generate writes.
	target = "../client/ts/src/frames.ts"
	// width is how long a line may be.
	width = 120
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	text, err := generate(schema.Schemas)
	if err == nil {
		err = os.WriteFile(target, text, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// node is the part of JSON Schema that the frames use.
type node struct {
	Ref         string          `json:"$ref"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Type        string          `json:"type"`
	Const       any             `json:"const"` // a string, or true
	Enum        []string        `json:"enum"`
	Properties  members         `json:"properties"`
	Required    []string        `json:"required"`
	Defs        map[string]node `json:"$defs"`
	any         bool            // the schema true
}

// UnmarshalJSON also takes true, the schema of anything.
func (n *node) UnmarshalJSON(text []byte) error {
	if string(text) == "true" {
		n.any = true
		return nil
	}
	type plain node
	return json.Unmarshal(text, (*plain)(n))
}

// members are an object's properties in the order of the file.
type members []member

type member struct {
	name string
	node
}

// UnmarshalJSON keeps the order.
func (m *members) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		next := member{name: name.(string)}
		if err := dec.Decode(&next.node); err != nil {
			return err
		}
		*m = append(*m, next)
	}
	return nil
}

func (m members) find(name string) (node, bool) {
	i := slices.IndexFunc(m, func(m member) bool { return m.name == name })
	if i < 0 {
		return node{}, false
	}
	return m[i].node, true
}

// shared are the definitions of common.json that get a type of their own.
var shared = []string{"validation_stats", "iec_stats", "database_stats"}

// named are the enumerations that do.
var named = []struct {
	name   string
	values []string
}{
	{"Stage", []string{"initialization", "file_reading", "pre_validation", "iec_verification",
		"database_operations", "report_generation"}},
	{"JobStatus", []string{"pending", "processing", "paused", "completed", "failed", "cancelled", "awaiting_approval",
		"declined"}},
}

// generate returns the types of the frames in the folder frames.
func generate(schemas fs.FS) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("// Code generated from schema/frames by go generate ./gateway/frames; DO NOT EDIT.\n")
	out.WriteString("// Times are RFC 3339. docs/gateway.md is the protocol.\n")
	for _, enum := range named {
		fmt.Fprintf(&out, "\nexport type %s =%s;\n", enum.name, lines(quote(enum.values)))
	}
	common, err := read(schemas, "events/common.json")
	if err != nil {
		return nil, err
	}
	for _, name := range shared {
		if err := writeInterface(&out, typeName(name), common.Defs[name]); err != nil {
			return nil, fmt.Errorf("events/common.json: %s: %w", name, err)
		}
	}
	files, err := fs.Glob(schemas, "frames/*.json")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no schemas of frames")
	}
	var facts, answers union
	for _, file := range files {
		frame, err := read(schemas, file)
		if err != nil {
			return nil, err
		}
		if err := writeFrame(&out, frame, &facts, &answers); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	out.WriteString("\n/** What the server says of jobs. */\n")
	facts.write(&out, "ServerEvent", "serverEvents")
	out.WriteString("\n/** What the server answers to a request, whose id it repeats. */\n")
	answers.write(&out, "Answer", "answers")
	return out.Bytes(), nil
}

// union is frames, and the names of their events.
type union struct{ members, events []string }

func (u union) write(out *bytes.Buffer, typeName, listName string) {
	fmt.Fprintf(out, "export type %s =%s;\n\n", typeName, lines(u.members))
	fmt.Fprintf(out, "export const %s = [\n  %s,\n] as const;\n", listName, strings.Join(quote(u.events), ",\n  "))
}

func read(schemas fs.FS, file string) (n node, err error) {
	text, err := fs.ReadFile(schemas, file)
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return n, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}

// writeFrame writes the type of a frame's data, and adds the frame to one of the unions:
// one with an id is an answer.
func writeFrame(out *bytes.Buffer, frame node, facts, answers *union) error {
	member, _ := frame.Properties.find("event")
	event, _ := member.Const.(string)
	data, ok := frame.Properties.find("data")
	if event == "" || !ok {
		return errors.New("no event or data")
	}
	name := typeName(strings.TrimPrefix(strings.TrimPrefix(event, "bulk_upload_"), "iec_")) + "Data"
	data.Description = "Data of " + event + ". " + frame.Title
	if err := writeInterface(out, name, data); err != nil {
		return err
	}
	to, line := facts, fmt.Sprintf("{ event: %q; data: %s", event, name)
	for _, m := range frame.Properties {
		switch m.name {
		case "event", "data":
			continue
		case "replayed":
			line += "; replayed?: true"
			continue
		case "seq":
		case "id":
			to = answers // the ids of this client's requests are numbers, too
		default:
			return fmt.Errorf("no code for %s", m.name)
		}
		line += fmt.Sprintf("; %s%s: number", m.name, optional(frame, m.name))
	}
	to.members, to.events = append(to.members, line+" }"), append(to.events, event)
	return nil
}

// optional returns the mark of a member that may be missing.
func optional(n node, name string) string {
	if slices.Contains(n.Required, name) {
		return ""
	}
	return "?"
}

func writeInterface(out *bytes.Buffer, name string, n node) error {
	if n.Type != "object" {
		return fmt.Errorf("%s is no object", name)
	}
	out.WriteByte('\n')
	writeComment(out, "", n.Description)
	if len(n.Properties) == 0 {
		fmt.Fprintf(out, "export type %s = object;\n", name)
		return nil
	}
	fmt.Fprintf(out, "export interface %s {\n", name)
	for _, m := range n.Properties {
		text, err := typeOf(m.node)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		writeComment(out, "  ", m.Description)
		fmt.Fprintf(out, "  %s%s: %s;\n", m.name, optional(n, m.name), text)
	}
	out.WriteString("}\n")
	return nil
}

// writeComment writes a sentence above a type or a member.
func writeComment(out *bytes.Buffer, indent, text string) {
	if text == "" {
		return
	}
	text = strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
	if line := indent + "/** " + text + " */"; len(line) <= width {
		fmt.Fprintln(out, line)
		return
	}
	fmt.Fprintf(out, "%s/**\n", indent)
	line := indent + " *"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			fmt.Fprintln(out, line)
			line = indent + " *"
		}
		line += " " + word
	}
	fmt.Fprintf(out, "%s\n%s */\n", line, indent)
}

func typeOf(n node) (string, error) {
	_, definition, isRef := strings.Cut(n.Ref, "#/$defs/")
	switch {
	case isRef && slices.Contains(shared, definition):
		return typeName(definition), nil
	case isRef && (definition == "job_id" || definition == "time"):
		return "string", nil
	case n.Const != nil:
		return fmt.Sprintf("%q", n.Const), nil
	case n.Enum != nil:
		for _, enum := range named {
			if slices.Equal(enum.values, n.Enum) {
				return enum.name, nil
			}
		}
		return strings.Join(quote(n.Enum), " | "), nil
	case n.Type == "integer" || n.Type == "number":
		return "number", nil
	case n.Type == "string" || n.Type == "boolean":
		return n.Type, nil
	}
	return "", fmt.Errorf("no code for a schema like %+v", n)
}
func quote(values []string) []string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return quoted
}

// lines is a union with a line for each member.
func lines(members []string) string { return "\n  | " + strings.Join(members, "\n  | ") }

// typeName is a name like validation_stats in the manner of TypeScript.
func typeName(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words {
		if words[i] = strings.ToUpper(w[:1]) + w[1:]; w == "iec" {
			words[i] = "IEC"
		}
	}
	return strings.Join(words, "")
}
