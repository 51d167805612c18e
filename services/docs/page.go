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

// Document is a document as the page shows it.
type Document struct {
	// File is its name, ID that of its place on the page.
	File, ID string
	// Kind is the specification that it follows, with its version.
	Kind, Title, Text string
	Sections          []Section
}

// Section is an operation or a channel.
type Section struct {
	ID string
	// Label is a method, or what a section is one of; Name an address.
	Label, Name, Summary, Text string
	// Notes are further lines, for instance who sends what.
	Notes []string
	// Fields are what a request carries beside its body.
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

var page = template.Must(template.New("page").Funcs(template.FuncMap{"prose": prose}).Parse(pageHTML))

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

// prose makes paragraphs of a text, and code of what stands in `backticks`.
func prose(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
			out.WriteString("<p>" + code.ReplaceAllString(html.EscapeString(paragraph), "<code>$1</code>") + "</p>")
		}
	}
	return template.HTML(out.String()) // escaped above
}

// exampleOf is an example as JSON.
func exampleOf(p place) (string, error) {
	if !p.ok() {
		return "", nil
	}
	var value any
	if err := p.node.Decode(&value); err != nil {
		return "", fmt.Errorf("read example: %w", err)
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write example: %w", err)
	}
	return string(text), nil
}
