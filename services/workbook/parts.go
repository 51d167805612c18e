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
	"rollcall.example/services/workbook/xmlscan"
)

// packageParts are the parts of a package.
type packageParts struct {
	meter *meter
	// files are the parts by their names in lower case: the case of a name does not
	// matter.
	files  map[string]*zip.File
	sheets map[*zip.File]bool // the parts that are a sheet
}

func indexParts(m *meter, zr *zip.Reader) (*packageParts, error) {
	zr.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	all := &packageParts{meter: m, files: make(map[string]*zip.File, len(zr.File)), sheets: map[*zip.File]bool{}}
	for _, f := range zr.File {
		name := partName(f.Name)
		if _, twice := all.files[name]; twice {
			return nil, unreadable(errors.New("a part occurs twice"))
		}
		if f.Flags&1 != 0 {
			return nil, refuse(refusal.CodeEncrypted, "The workbook has a password. "+
				"Save it without one and upload that.", nil)
		}
		all.files[name] = f
	}
	return all, nil
}

func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
}

// relation says which part another one refers to.
type relation struct {
	kind   string // the last word of the relation's type
	target string // the name of the part
}

// readRelations reads the relations of a part, by their ids. A part without any has
// a nil map.
func (p *packageParts) readRelations(of string) (map[string]relation, error) {
	name := path.Join(path.Dir(of), "_rels", path.Base(of)+".rels")
	if of == "" {
		name = "_rels/.rels"
	}
	file, ok := p.files[name]
	if !ok {
		return nil, nil
	}
	found := make(map[string]relation)
	err := p.visitElements(file, func(x *xmlscan.Scanner, depth int) error {
		if depth != 2 || string(x.Name) != "Relationship" {
			return nil
		}
		if err := p.meter.addRelation(); err != nil {
			return err
		}
		id, err := x.Attribute("Id")
		if err != nil {
			return err
		}
		kind, err := x.Attribute("Type")
		if err != nil {
			return err
		}
		mode, err := x.Attribute("TargetMode")
		if err != nil {
			return err
		}
		target, err := x.Attribute("Target")
		if err != nil || string(mode) == "External" {
			return err
		}
		to := strings.ReplaceAll(string(target), `\`, "/")
		if !strings.HasPrefix(to, "/") {
			to = path.Join(path.Dir(of), to)
		}
		r := relation{path.Base(string(kind)), partName(path.Clean(to))}
		found[string(id)] = r
		return p.meter.addName(string(id) + r.kind + r.target)
	})
	return found, err
}

// visitElements visits each element of a part when it opens; depth is 1 for the root.
func (p *packageParts) visitElements(file *zip.File, visit func(x *xmlscan.Scanner, depth int) error) (err error) {
	rc, err := p.meter.open(file)
	if err != nil {
		return unreadable(err)
	}
	defer func() { _ = rc.Close() }() // a reader
	x := xmlscan.New(rc)
	elements := 0
	for {
		t, err := x.Next()
		if err != nil {
			return unreadable(err)
		}
		switch t {
		case xmlscan.End:
			if elements == 0 {
				return unreadable(fmt.Errorf("%w: no element", xmlscan.ErrMalformed))
			}
			return nil
		case xmlscan.Open:
			elements++
			depth := x.Depth()
			if x.Empty {
				depth++
			}
			if err := visit(x, depth); err != nil {
				return unreadable(err)
			}
		}
	}
}
