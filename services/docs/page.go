package docs

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strings"
)

// Document is an OpenAPI or AsyncAPI document as the page shows it.
type Document struct {
	// File is its name, ID its anchor on the page.
	File, ID string
	// Kind is its specification with the version.
	Kind, Title, Text string
	Sections          []Section
}

// Section is an operation or a channel.
type Section struct {
	ID string
	// Label is a method or the kind of section; Name is an address.
	Label, Name, Summary, Text string
	// Notes are further paragraphs, for instance who sends what.
	Notes []string
	// Fields are the parameters of a request.
	Fields []Field
	Parts  []Part
}

// Part is a request, an answer or a message.
type Part struct {
	Label, Name, Text string
	Headers, Fields   []Field
	// Example is JSON, "" for none.
	Example string
}

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"paragraphs": paragraphs}).Parse(pageHTML))

func render(documents []Document, pages []Page) ([]byte, error) {
	var out bytes.Buffer
	if err := page.Execute(&out, struct {
		Documents []Document
		Pages     []Page
	}{documents, pages}); err != nil {
		return nil, fmt.Errorf("render documents: %w", err)
	}
	return out.Bytes(), nil
}

var code = regexp.MustCompile("`([^`]+)`")

// paragraphs returns a text as HTML: paragraphs, and code for `backticks`.
func paragraphs(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
			out.WriteString("<p>" + code.ReplaceAllString(html.EscapeString(paragraph), "<code>$1</code>") + "</p>")
		}
	}
	return template.HTML(out.String()) // escaped above
}

// exampleJSON returns an example as JSON, "" for none.
func exampleJSON(p node) (string, error) {
	if !p.exists() {
		return "", nil
	}
	var value any
	if err := p.yaml.Decode(&value); err != nil {
		return "", fmt.Errorf("read example: %w", err)
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write example: %w", err)
	}
	return string(text), nil
}
