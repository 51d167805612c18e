package docs

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"rollcall.example/schema"
)

func newMux(t *testing.T) *http.ServeMux {
	t.Helper()
	mux := http.NewServeMux()
	if err := Mount(mux, schema.Documents, "openapi.yaml", "asyncapi.yaml"); err != nil {
		t.Fatal(err)
	}
	return mux
}

func getPath(mux *http.ServeMux, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestIndexShowsTheDocuments(t *testing.T) {
	mux := newMux(t)
	w := getPath(mux, "/api/docs")
	text := w.Body.String()
	for _, want := range []string{
		"OpenAPI 3.1.0", "AsyncAPI 3.0.0",
		// An operation with its parameters, body, answers, headers and example.
		`<b>POST</b> <a href="#process">/api/v1/bulk-upload/process</a>`, "query: boolean (default false)",
		"multipart/form-data",
		"<b>413</b> application/json", "file_too_large | too_large_unpacked", "Retry-After",
		"&#34;file_name&#34;: &#34;ward 79800001.xlsx&#34;",
		// A property of the data beside the reference to the answer.
		`<div class="d1"><dt><code>sha256</code> <i>required</i>`,
		"Needs http bearer", "Needs no token.",
		// The table of codes.
		"two columns mean the same",
		// A channel with its messages, whose schema is in another file.
		"bulk.{jobId}.validated", "Nats-Msg-Id", "<code>validation_stats</code>", "send: What happens to jobs",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if foreign := regexp.MustCompile(`(src|href)="([a-z]+:|//)[^"]*"|<script|style="`).FindString(text); foreign != "" {
		t.Errorf("the page has %s", foreign)
	}
	if links := checkWellFormed(t, text); links < 50 {
		t.Errorf("only %d links", links)
	}
}

func TestPagesAreServed(t *testing.T) {
	mux := newMux(t)
	index := getPath(mux, "/api/docs").Body.String()
	for _, name := range pageNames(t) {
		w := getPath(mux, "/api/docs/"+name)
		text := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(text, `<link rel="stylesheet" href="page.css"/>`) {
			t.Errorf("%s: %d %s", name, w.Code, text)
		}
		if found := regexp.MustCompile(`<script|<img|style=|src=`).FindString(text); found != "" {
			t.Errorf("%s has %s", name, found)
		}
		checkWellFormed(t, text)
		title := regexp.MustCompile(`<h1[^>]*>(.*)</h1>`).FindStringSubmatch(text)[1]
		if !strings.Contains(index, `<a href="docs/`+name+`">`+title) {
			t.Errorf("/api/docs has no link to %s", name)
		}
		if !strings.Contains(text, `<a href="../docs">`) {
			t.Errorf("%s has no link to /api/docs", name)
		}
	}
}

// checkWellFormed checks that tags are closed, ids are unique, and links within the
// page lead to an id. It returns the number of those links.
func checkWellFormed(t *testing.T, text string) int {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	ids, links := map[string]bool{}, []string{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			switch link, inPage := strings.CutPrefix(a.Value, "#"); {
			case a.Name.Local == "id" && ids[a.Value]:
				t.Errorf("id %s is not unique", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			case a.Name.Local == "href" && inPage:
				links = append(links, link)
			}
		}
	}
	for _, link := range links {
		if !ids[link] {
			t.Errorf("no id for the link #%s", link)
		}
	}
	return len(links)
}

func TestDocumentsAreServedUnchanged(t *testing.T) {
	mux := newMux(t)
	for name, contentType := range map[string]string{
		"openapi.yaml": "application/yaml", "asyncapi.yaml": "application/yaml",
		"events/common.json": "application/json", "frames/ack.json": "application/json",
	} {
		want, err := fs.ReadFile(schema.Documents, name)
		if err != nil {
			t.Fatal(err)
		}
		w := getPath(mux, "/api/docs/"+name)
		if w.Code != http.StatusOK || w.Body.String() != string(want) || w.Header().Get("Content-Type") != contentType {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
	}
	if w := getPath(mux, "/api/docs/page.css"); w.Code != http.StatusOK ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("style: %d %v", w.Code, w.Header())
	}
	if w := getPath(mux, "/api/docs/"); w.Code != http.StatusMovedPermanently ||
		w.Header().Get("Location") != "/api/docs" {
		t.Errorf("with a slash: %d %v", w.Code, w.Header())
	}
	if w := getPath(mux, "/api/docs/none.yaml"); w.Code != http.StatusNotFound {
		t.Errorf("none: %d", w.Code)
	}
}

func TestMountRefusesInvalidDocuments(t *testing.T) {
	head := "openapi: 3.1.0\npaths: {/a: {get: {operationId: a, responses: {'200': "
	for name, tt := range map[string]struct{ text, want string }{
		"missing":      {"", "not exist"},
		"empty":        {" ", "empty"},
		"not YAML":     {"a: [", "doc.yaml"},
		"neither kind": {"swagger: '2.0'", "neither"},
		"reference to nothing": {head + "{$ref: '#/components/responses/none'}}}}}",
			"nothing at #/components/responses/none"},
		"reference to no file": {head + "{$ref: 'none.yaml#/a'}}}}}", "none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			if tt.text != "" {
				files["doc.yaml"] = &fstest.MapFile{Data: []byte(tt.text)}
			}
			if err := Mount(http.NewServeMux(), files, "doc.yaml"); err == nil ||
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q in: %v", tt.want, err)
			}
		})
	}
}

// Text of a document never becomes markup.
func TestTextIsEscaped(t *testing.T) {
	got := string(paragraphs("a <b> & `c<d`\n\n\nsecond"))
	if want := "<p>a &lt;b&gt; &amp; <code>c&lt;d</code></p><p>second</p>"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// A schema that contains itself ends at maxDepth.
func TestRecursiveSchemaEnds(t *testing.T) {
	const tree = `tree: {properties: {value: {type: string}, next: {$ref: '#/tree'}}}`
	files := fstest.MapFS{"doc.yaml": {Data: []byte(tree)}}
	root, err := newLibrary(files).open("doc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if rows := listFields(0, root.child("tree")); len(rows) != 2*maxDepth {
		t.Errorf("%d rows", len(rows))
	}
	files["circle.yaml"] = &fstest.MapFile{Data: []byte(`a: {$ref: '#/a'}`)}
	circle, err := newLibrary(files).open("circle.yaml")
	if err != nil || circle.at("a").exists() {
		t.Errorf("a circle leads to %v, %v", circle.at("a"), err)
	}
}
