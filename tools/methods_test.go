package tools_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

const maxMethods = 25 // of a type

func TestTypesHaveNotTooManyMethods(t *testing.T) {
	methods := map[string]int{}
	for _, path := range goFiles(t) {
		if !strings.HasSuffix(path, "_test.go") {
			countMethods(t, path, methods)
		}
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s: %d methods, at most %d", show(name), n, maxMethods)
		}
	}
}

// countMethods adds the methods of a file to those of their types, named by
// folder and type.
func countMethods(t *testing.T, path string, methods map[string]int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		receiver := f.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		switch generic := receiver.(type) {
		case *ast.IndexExpr:
			receiver = generic.X
		case *ast.IndexListExpr:
			receiver = generic.X
		}
		if name, ok := receiver.(*ast.Ident); ok {
			methods[filepath.Join(filepath.Dir(path), name.Name)]++
		}
	}
}
