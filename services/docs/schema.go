package docs

import (
	"strings"
)

// Field is a line of a table: a parameter, a header or a property.
type Field struct {
	// Depth is how many properties it lies within.
	Depth    int
	Name     string
	Type     string
	Required bool
	Text     string
}

// maxDepth bounds what is shown of schemas that contain themselves.
const maxDepth = 8

// layers are the schemas that hold for one value together: what a reference
// leads to, the members of an allOf, and last what stands beside them.
func layers(schema ...place) (list []place) {
	for _, s := range schema {
		if s.child("$ref").ok() {
			list = append(list, layers(s.target())...)
		}
		for _, part := range s.child("allOf").items() {
			list = append(list, layers(part)...)
		}
		if s.ok() {
			list = append(list, s)
		}
	}
	return list
}

// last is the value of a key in the last layer that has it.
func last(list []place, key string) (p place) {
	for _, l := range list {
		if v := l.child(key); v.ok() {
			p = v
		}
	}
	return p
}

// fields are the properties of a schema, each followed by its own.
func fields(depth int, schema ...place) (rows []Field) {
	list := layers(schema...)
	if depth >= maxDepth {
		return nil
	}
	if items := last(list, "items"); items.ok() {
		return fields(depth, items)
	}
	for i, item := range last(list, "prefixItems").items() {
		rows = append(rows, Field{Depth: depth, Name: ordinal(i), Type: typeOf(layers(item)), Required: true, Text: last(layers(item), "description").text()})
		rows = append(rows, fields(depth+1, item)...)
	}
	required := map[string]bool{}
	var names []string
	found := map[string][]place{}
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
		of := layers(found[name]...)
		rows = append(rows, Field{Depth: depth, Name: name, Type: typeOf(of), Required: required[name], Text: last(of, "description").text()})
		rows = append(rows, fields(depth+1, found[name]...)...)
	}
	return rows
}

func ordinal(i int) string { return []string{"first", "second", "third", "fourth"}[min(i, 3)] }

// typeOf says in words what values a schema lets through.
func typeOf(list []place) string {
	var words []string
	if one := last(list, "enum"); one.ok() {
		for _, v := range one.items() {
			words = append(words, v.text())
		}
		return strings.Join(words, " | ")
	}
	if one := last(list, "const"); one.ok() {
		return one.text()
	}
	if kind := last(list, "type"); kind.ok() {
		words = append(words, kind.text())
		if kind.text() == "" { // several
			words = nil
			for _, k := range kind.items() {
				words = append(words, k.text())
			}
			words = []string{strings.Join(words, " or ")}
		}
	}
	if items := last(list, "items"); items.ok() {
		words = append(words, "of", typeOf(layers(items)))
	}
	for _, key := range []string{"format", "contentMediaType"} {
		if v := last(list, key).text(); v != "" {
			words = append(words, v)
		}
	}
	low, high := last(list, "minimum").text(), last(list, "maximum").text()
	switch {
	case low != "" && high != "":
		words = append(words, low+" to "+high)
	case low != "":
		words = append(words, "from "+low)
	}
	if v := last(list, "pattern").text(); v != "" {
		words = append(words, v)
	}
	if v := last(list, "default").text(); v != "" {
		words = append(words, "(default "+v+")")
	}
	return strings.Join(words, " ")
}
