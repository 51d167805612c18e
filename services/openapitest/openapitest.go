// Package openapitest compares real requests and answers with schema/openapi.yaml.
// Imported from _test.go files only.
package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"rollcall.example/schema"
)

const workbookType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

type description struct {
	doc    *openapi3.T
	router routers.Router
}

var load = sync.OnceValues(func() (*description, error) {
	openapi3filter.RegisterBodyDecoder("application/pdf", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder(workbookType, openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/offset+octet-stream", openapi3filter.FileBodyDecoder)
	text, err := schema.Documents.ReadFile("openapi.yaml")
	if err != nil {
		return nil, fmt.Errorf("load openapi.yaml: %w", err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("load openapi.yaml: %w", err)
	}
	// This validates the examples too.
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return &description{doc: doc, router: router}, nil
})

// Document returns the validated OpenAPI document.
func Document(t testing.TB) *openapi3.T {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return d.doc
}

// Check fails the test if the document does not describe the answer's status, headers
// and body, or the request of an answer below 400. The answer to a path or method that
// the document lacks must be not_found or method_not_allowed.
func Check(t testing.TB, req *http.Request, sent []byte, status int, header http.Header, body []byte) {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	req = req.Clone(context.Background())
	req.Body = io.NopCloser(bytes.NewReader(sent))
	if err := d.check(req, status, header, body); err != nil {
		t.Errorf("not as described: %s %s, %d: %v\n%s", req.Method, req.URL.Path, status, err,
			describeBody(header, body))
	}
}

func (d *description) check(req *http.Request, status int, header http.Header, body []byte) error {
	route, params, err := d.router.FindRoute(req)
	switch {
	case errors.Is(err, routers.ErrPathNotFound):
		return d.checkNotFound(status, http.StatusNotFound, "not_found", body)
	case errors.Is(err, routers.ErrMethodNotAllowed):
		return d.checkNotFound(status, http.StatusMethodNotAllowed, "method_not_allowed", body)
	case err != nil:
		return err
	}
	options := &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, AuthenticationFunc: requireToken}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		for name := range req.URL.Query() {
			if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
				return fmt.Errorf("request: parameter %s is not described", name)
			}
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: options,
	})
}

// checkNotFound checks that the answer is the refusal with the given status and code.
func (d *description) checkNotFound(status, want int, code string, body []byte) error {
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if err := d.doc.Components.Schemas["refusal"].Value.VisitJSON(answer, openapi3.EnableJSONSchema2020()); err != nil {
		return err
	}
	if got := answer.(map[string]any)["error"].(map[string]any)["code"]; status != want || got != code {
		return fmt.Errorf("the document has no such operation, so the answer must be %d %s", want, code)
	}
	return nil
}

// requireToken checks that the request of an operation with security has a token.
func requireToken(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
		return errors.New("the request has no token")
	}
	return nil
}

func describeBody(header http.Header, body []byte) string {
	if header.Get("Content-Type") != "application/json" {
		return header.Get("Content-Type")
	}
	return string(body)
}
