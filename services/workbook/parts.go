package workbook

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"

	"rollcall.example/events/refusal"
)

// packageParts are the files of a package, by their names in lower case: names of
// parts are the same whatever the case.
type packageParts map[string]*zip.File

func partsOf(zr *zip.Reader) (packageParts, error) {
	zr.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	all := make(packageParts, len(zr.File))
	for _, f := range zr.File {
		name := partName(f.Name)
		if _, twice := all[name]; twice {
			return nil, unreadable(errors.New("a part that is there twice"))
		}
		if f.Flags&1 != 0 {
			return nil, refuse(refusal.CodeEncrypted, "The workbook is protected with a password. "+
				"Save it without one and upload that.", nil)
		}
		all[name] = f
	}
	return all, nil
}

func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
}

// relation is what one part says about another.
type relation struct {
	kind   string // the last word of its type
	target string // name of the part
}

// relations reads those of a part, by their ids. A part without any has none.
func (p packageParts) relations(of string) (map[string]relation, error) {
	name := path.Join(path.Dir(of), "_rels", path.Base(of)+".rels")
	if of == "" {
		name = "_rels/.rels"
	}
	file, ok := p[name]
	if !ok {
		return nil, nil
	}
	found := make(map[string]relation)
	err := scan(file, func(x *scanner, depth int) error {
		if depth != 2 || string(x.name) != "Relationship" {
			return nil
		}
		id, err := x.attribute("Id")
		if err != nil {
			return err
		}
		kind, err := x.attribute("Type")
		if err != nil {
			return err
		}
		mode, err := x.attribute("TargetMode")
		if err != nil {
			return err
		}
		target, err := x.attribute("Target")
		if err != nil || string(mode) == "External" {
			return err
		}
		to := strings.ReplaceAll(string(target), `\`, "/")
		if !strings.HasPrefix(to, "/") {
			to = path.Join(path.Dir(of), to)
		}
		found[string(id)] = relation{path.Base(string(kind)), partName(path.Clean(to))}
		return nil
	})
	return found, err
}

// scan visits each element of a part when it opens; depth is 1 for the root.
func scan(file *zip.File, visit func(x *scanner, depth int) error) (err error) {
	rc, err := file.Open()
	if err != nil {
		return unreadable(err)
	}
	defer func() { _ = rc.Close() }() // a reader
	x := newScanner(rc)
	elements := 0
	for {
		t, err := x.next()
		if err != nil {
			return unreadable(err)
		}
		switch t {
		case atEnd:
			if elements == 0 {
				return unreadable(fmt.Errorf("%w: no element", errXML))
			}
			return nil
		case opens:
			elements++
			depth := len(x.nest)
			if x.empty {
				depth++
			}
			if err := visit(x, depth); err != nil {
				return unreadable(err)
			}
		}
	}
}
