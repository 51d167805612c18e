package docs

import (
	"strings"
)

// Field is a row of a table: a parameter, a header or a property.
type Field struct {
	// Depth is the number of properties around it.
	Depth    int
	Name     string
	Type     string
	Required bool
	Text     string
}

// maxDepth limits what is shown of schemas that contain themselves.
const maxDepth = 8

// schemaLayers returns the schemas that apply to one value together: what a
// reference leads to, the members of an allOf, and last the schema itself.
func schemaLayers(schema ...node) (list []node) {
	for _, s := range schema {
		if s.child("$ref").exists() {
			list = append(list, schemaLayers(s.followRef())...)
		}
		for _, part := range s.child("allOf").items() {
			list = append(list, schemaLayers(part)...)
		}
		if s.exists() {
			list = append(list, s)
		}
	}
	return list
}

// lastValue returns the value of a key in the last layer that has it.
func lastValue(list []node, key string) (p node) {
	for _, l := range list {
		if v := l.child(key); v.exists() {
			p = v
		}
	}
	return p
}

// listFields returns the properties of a schema, each followed by its own
// properties.
func listFields(depth int, schema ...node) (rows []Field) {
	list := schemaLayers(schema...)
	if depth >= maxDepth {
		return nil
	}
	if items := lastValue(list, "items"); items.exists() {
		return listFields(depth, items)
	}
	for i, item := range lastValue(list, "prefixItems").items() {
		rows = append(rows, Field{Depth: depth, Name: ordinalName(i), Type: describeType(schemaLayers(item)),
			Required: true, Text: lastValue(schemaLayers(item), "description").text()})
		rows = append(rows, listFields(depth+1, item)...)
	}
	required := map[string]bool{}
	var names []string
	found := map[string][]node{}
	for _, l := range list {
		for _, r := range l.child("required").items() {
			required[r.text()] = true
		}
		for name, property := range l.child("properties").pairs() {
			if found[name] == nil {
				names = append(names, name)
			}
			found[name] = append(found[name], property)
		}
	}
	for _, name := range names {
		layers := schemaLayers(found[name]...)
		rows = append(rows, Field{Depth: depth, Name: name, Type: describeType(layers), Required: required[name],
			Text: lastValue(layers, "description").text()})
		rows = append(rows, listFields(depth+1, found[name]...)...)
	}
	return rows
}

func ordinalName(i int) string { return []string{"first", "second", "third", "fourth"}[min(i, 3)] }

// describeType says in words which values a schema allows.
func describeType(list []node) string {
	var words []string
	if one := lastValue(list, "enum"); one.exists() {
		for _, v := range one.items() {
			words = append(words, v.text())
		}
		return strings.Join(words, " | ")
	}
	if one := lastValue(list, "const"); one.exists() {
		return one.text()
	}
	if kind := lastValue(list, "type"); kind.exists() {
		words = append(words, kind.text())
		if kind.text() == "" { // several
			words = nil
			for _, k := range kind.items() {
				words = append(words, k.text())
			}
			words = []string{strings.Join(words, " or ")}
		}
	}
	if items := lastValue(list, "items"); items.exists() {
		words = append(words, "of", describeType(schemaLayers(items)))
	}
	for _, key := range []string{"format", "contentMediaType"} {
		if v := lastValue(list, key).text(); v != "" {
			words = append(words, v)
		}
	}
	low, high := lastValue(list, "minimum").text(), lastValue(list, "maximum").text()
	switch {
	case low != "" && high != "":
		words = append(words, low+" to "+high)
	case low != "":
		words = append(words, "from "+low)
	}
	if v := lastValue(list, "pattern").text(); v != "" {
		words = append(words, v)
	}
	if v := lastValue(list, "default").text(); v != "" {
		words = append(words, "(default "+v+")")
	}
	return strings.Join(words, " ")
}
