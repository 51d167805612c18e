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
	// err is that of the first reference to something that does not exist.
	err error
}

func newLibrary(files fs.FS) *library { return &library{files: files, read: map[string]*yaml.Node{}} }

// open returns the root of a file.
func (l *library) open(name string) (node, error) {
	root, ok := l.read[name]
	if !ok {
		text, err := fs.ReadFile(l.files, name)
		if err != nil {
			return node{}, fmt.Errorf("read document: %w", err)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return node{}, fmt.Errorf("read %s: %w", name, err)
		}
		if len(doc.Content) == 0 {
			return node{}, fmt.Errorf("read %s: empty", name)
		}
		root = doc.Content[0]
		l.read[name] = root
	}
	return node{lib: l, file: name, yaml: root}, nil
}

// node is a node of a file. The zero node does not exist, and neither do its children.
type node struct {
	lib  *library
	file string
	yaml *yaml.Node
}

func (n node) exists() bool { return n.yaml != nil }

// child returns the value of a key. It follows no reference.
func (n node) child(key string) node {
	for k, v := range n.pairs() {
		if k == key {
			return v
		}
	}
	return node{}
}

// at follows keys, and the references on the way and at the end.
func (n node) at(keys ...string) node {
	n = n.followRef()
	for _, key := range keys {
		n = n.child(key).followRef()
	}
	return n
}

// pairs yields the keys and values of a mapping in the order of the file.
func (n node) pairs() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.yaml.Content); i += 2 {
			if !yield(n.yaml.Content[i].Value, node{n.lib, n.file, n.yaml.Content[i+1]}) {
				return
			}
		}
	}
}

// items returns the elements of a list.
func (n node) items() (list []node) {
	if n.yaml == nil || n.yaml.Kind != yaml.SequenceNode {
		return nil
	}
	for _, y := range n.yaml.Content {
		list = append(list, node{n.lib, n.file, y})
	}
	return list
}

// text returns the text of a scalar, "" for anything else.
func (n node) text() string {
	if n.yaml == nil || n.yaml.Kind != yaml.ScalarNode {
		return ""
	}
	return n.yaml.Value
}

// followRef returns the node that a reference leads to. A node without a reference
// is returned as it is.
func (n node) followRef() node {
	for range 20 { // more is a circle, which leads nowhere
		ref := n.child("$ref").text()
		if ref == "" {
			return n
		}
		n = n.lib.resolve(n.file, ref)
	}
	return node{}
}

// resolve returns the node that ref leads to, seen from a file. It records an error
// in l.err.
func (l *library) resolve(from, ref string) node {
	file, pointer, _ := strings.Cut(ref, "#")
	name := from
	if file != "" {
		name = path.Join(path.Dir(from), file)
	}
	n, err := l.open(name)
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if key != "" {
			n = n.child(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
		}
	}
	if !n.exists() && l.err == nil {
		if err == nil {
			err = fmt.Errorf("nothing at %s", ref)
		}
		l.err = fmt.Errorf("%s: %w", from, err)
	}
	return n
}
