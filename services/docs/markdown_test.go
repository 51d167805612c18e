package docs

import (
	"bytes"
	"cmp"
	"flag"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	renderhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

var update = flag.Bool("update", false, "make the pages again from the Markdown")

// top is the folder of the repository.
const top = "../.."

// markdown reads Markdown as GitHub does and gives each heading its id.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.Table),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(renderhtml.WithXHTML(),
		renderer.WithNodeRenderers(util.Prioritized(linkRenderer{}, 1))),
)

// linkRenderer writes links as they work on a running server: to another page of
// the folder docs, or to another host. It writes the path of any other file, which
// is in the source alone.
type linkRenderer struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (linkRenderer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindLink, func(out util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus,
		error) {
		link := string(node.(*ast.Link).Destination)
		page, anchor, hasAnchor := strings.Cut(link, "#")
		if hasAnchor {
			anchor = "#" + anchor
		}
		name, isPage := strings.CutSuffix(page, ".md")
		var begin, end string
		switch {
		case strings.Contains(link, "://"):
			begin, end = `<a href="`+html.EscapeString(link)+`">`, "</a>"
		case page == "", isPage && !strings.Contains(page, "/"):
			begin, end = `<a href="`+html.EscapeString(name+anchor)+`">`, "</a>"
		default:
			end = " (<code>" + html.EscapeString(strings.TrimPrefix(page, "../")) + "</code> in the source)"
		}
		piece := begin
		if !entering {
			piece = end
		}
		_, err := out.WriteString(piece)
		return ast.WalkContinue, err
	})
}

func pageNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(top + "/docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".md"))
	}
	return names
}

func TestPagesAreCurrent(t *testing.T) {
	for _, name := range pageNames(t) {
		source, err := os.ReadFile(top + "/docs/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := markdown.Convert(source, &out); err != nil {
			t.Fatal(err)
		}
		// Code and tables that are wider than the page can be scrolled with the keyboard.
		want := strings.ReplaceAll(out.String(), "<pre>", `<pre tabindex="0">`)
		want = strings.ReplaceAll(want, "<table>", `<table tabindex="0">`)
		want = strings.ReplaceAll(want, "<!-- raw HTML omitted -->\n", "")
		file := "pages/" + name + ".html"
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("services/docs/%s is stale (%v): go test ./services/docs -update", file, err)
		}
	}
}

// headings returns the anchors of a file that a link can lead to.
func headings(source []byte) map[string]bool {
	ids := map[string]bool{}
	visit(source, func(node ast.Node) {
		if id, ok := node.AttributeString("id"); ok && node.Kind() == ast.KindHeading {
			ids[string(id.([]byte))] = true
		}
	})
	return ids
}

// linksOf returns what a file links to, and the pictures that it shows.
func linksOf(source []byte) (links []string) {
	visit(source, func(node ast.Node) {
		switch n := node.(type) {
		case *ast.Link:
			links = append(links, string(n.Destination))
		case *ast.Image:
			links = append(links, string(n.Destination))
		}
	})
	return links
}

func visit(source []byte, do func(ast.Node)) {
	root := markdown.Parser().Parse(text.NewReader(source))
	_ = ast.Walk(root, func(node ast.Node, entering bool) (ast.WalkStatus, error) { // do returns no error
		if entering {
			do(node)
		}
		return ast.WalkContinue, nil
	})
}

// Every link within the repository leads to a file, and to a heading if it names one.
func TestLinksLeadSomewhere(t *testing.T) {
	seen := 0
	for _, file := range markdownFiles(t) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range linksOf(source) {
			if strings.Contains(link, "://") {
				continue
			}
			seen++
			path, anchor, hasAnchor := strings.Cut(link, "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, link, err)
				continue
			}
			if !hasAnchor {
				continue
			}
			linked, err := os.ReadFile(target)
			if err != nil {
				t.Fatal(err)
			}
			if !headings(linked)[anchor] {
				t.Errorf("%s links to %s, and no heading is there", file, link)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links seen", seen)
	}
}

// markdownFiles returns the Markdown files at the top and in docs, and the README of
// each folder.
func markdownFiles(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "*/README.md", "*/*/README.md", "*/*/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files for people", len(files))
	}
	return files
}

// Every path that CONTRIBUTING names under "Where things are" exists.
func TestWhereThingsAre(t *testing.T) {
	source, err := os.ReadFile(top + "/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(source), "\n## Where things are\n")
	list, _, _ = strings.Cut(list, "\n## ")
	rows := 0
	for line := range strings.Lines(list) {
		cells := strings.Split(line, "|")
		if !found || len(cells) != 4 || strings.Contains(line, "---") || strings.Contains(cells[1], "to change") {
			continue
		}
		rows++
		paths := inCode.FindAllStringSubmatch(cells[2], -1)
		if len(paths) == 0 {
			t.Errorf("%s: no path", strings.TrimSpace(cells[1]))
		}
		for _, path := range paths {
			if _, err := os.Stat(filepath.Join(top, path[1])); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(cells[1]), err)
			}
		}
	}
	if rows < 7 {
		t.Errorf("only %d lines say where things are", rows)
	}
}

var inCode = regexp.MustCompile("`([^`]+)`")

// Every path from the top and every test that a file for people names exists.
func TestNamedPathsAndTestsExist(t *testing.T) {
	tests := declaredTests(t)
	paths, names := 0, 0
	for _, file := range markdownFiles(t) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range inCode.FindAllStringSubmatch(string(source), -1) {
			switch word := code[1]; {
			case pathFromTop.MatchString(word):
				paths++
				if _, err := os.Stat(filepath.Join(top, word)); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			case testName.MatchString(word):
				names++
				if !tests[word] {
					t.Errorf("%s names %s, which is no test", file, word)
				}
			}
		}
	}
	if paths < 40 || names < 10 {
		t.Errorf("only %d paths and %d tests seen", paths, names)
	}
}

var (
	pathFromTop = regexp.MustCompile(`^(docs|events|gateway|schema|services|tools)/[A-Za-z0-9._/-]+$`)
	testName    = regexp.MustCompile(`^(Test|Fuzz|Example)[A-Z][A-Za-z0-9_]+$`)
)

// declaredTests returns the names of all tests, fuzz targets and examples.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w+)\(`)
	names := map[string]bool{}
	for _, dir := range []string{"events", "gateway", "schema", "services"} {
		err := filepath.WalkDir(filepath.Join(top, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() == "node_modules" {
				return cmp.Or(err, fs.SkipDir)
			}
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			source, err := os.ReadFile(path)
			for _, found := range declared.FindAllSubmatch(source, -1) {
				names[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
