package docs

import (
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// library reads YAML and JSON files that refer to each other.
type library struct {
	files fs.FS
	read  map[string]*yaml.Node
	// lost is the first reference that led nowhere.
	lost error
}

func newLibrary(files fs.FS) *library { return &library{files: files, read: map[string]*yaml.Node{}} }

// open returns the root of a file.
func (l *library) open(name string) (place, error) {
	node, ok := l.read[name]
	if !ok {
		text, err := fs.ReadFile(l.files, name)
		if err != nil {
			return place{}, fmt.Errorf("read document: %w", err)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return place{}, fmt.Errorf("read %s: %w", name, err)
		}
		if len(doc.Content) == 0 {
			return place{}, fmt.Errorf("read %s: empty", name)
		}
		node = doc.Content[0]
		l.read[name] = node
	}
	return place{lib: l, file: name, node: node}, nil
}

// place is somewhere in a file. The zero place is nowhere, and so is all below it.
type place struct {
	lib  *library
	file string
	node *yaml.Node
}

func (p place) ok() bool { return p.node != nil }

// child is the value of a key, without following references.
func (p place) child(key string) place {
	for k, v := range p.pairs() {
		if k == key {
			return v
		}
	}
	return place{}
}

// at follows keys, and references on the way and at the end.
func (p place) at(keys ...string) place {
	p = p.target()
	for _, key := range keys {
		p = p.child(key).target()
	}
	return p
}

// pairs are the keys and values of a mapping, in the order of the file.
func (p place) pairs() iter.Seq2[string, place] {
	return func(yield func(string, place) bool) {
		if p.node == nil || p.node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(p.node.Content); i += 2 {
			if !yield(p.node.Content[i].Value, place{p.lib, p.file, p.node.Content[i+1]}) {
				return
			}
		}
	}
}

// items are the elements of a list.
func (p place) items() (list []place) {
	if p.node == nil || p.node.Kind != yaml.SequenceNode {
		return nil
	}
	for _, n := range p.node.Content {
		list = append(list, place{p.lib, p.file, n})
	}
	return list
}

// text is a scalar's, "" for all else.
func (p place) text() string {
	if p.node == nil || p.node.Kind != yaml.ScalarNode {
		return ""
	}
	return p.node.Value
}

// target is where a reference leads, and the place itself where it is none.
func (p place) target() place {
	for range 20 { // a circle is as good as nothing
		ref := p.child("$ref").text()
		if ref == "" {
			return p
		}
		p = p.lib.follow(p.file, ref)
	}
	return place{}
}

func (l *library) follow(from, ref string) place {
	file, pointer, _ := strings.Cut(ref, "#")
	name := from
	if file != "" {
		name = path.Join(path.Dir(from), file)
	}
	p, err := l.open(name)
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if key != "" {
			p = p.child(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
		}
	}
	if !p.ok() && l.lost == nil {
		if err == nil {
			err = fmt.Errorf("nothing at %s", ref)
		}
		l.lost = fmt.Errorf("%s: %w", from, err)
	}
	return p
}
