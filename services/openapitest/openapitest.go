// Package openapitest holds real requests and answers against schema/openapi.yaml.
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
	// Its examples too.
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return &description{doc: doc, router: router}, nil
})

// Document returns the description, after it was found to be valid.
func Document(t testing.TB) *openapi3.T {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return d.doc
}

// Check fails the test when an answer is not as described: its status, headers
// and body, and for one that is no refusal the request that it was given to. An
// address that is not described must have been answered as one that is not there.
func Check(t testing.TB, req *http.Request, sent []byte, status int, header http.Header, body []byte) {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	req = req.Clone(context.Background())
	req.Body = io.NopCloser(bytes.NewReader(sent))
	if err := d.check(req, status, header, body); err != nil {
		t.Errorf("not as described: %s %s, %d: %v\n%s", req.Method, req.URL.Path, status, err, short(header, body))
	}
}

func (d *description) check(req *http.Request, status int, header http.Header, body []byte) error {
	route, params, err := d.router.FindRoute(req)
	switch {
	case errors.Is(err, routers.ErrPathNotFound):
		return d.refused(status, http.StatusNotFound, "not_found", body)
	case errors.Is(err, routers.ErrMethodNotAllowed):
		return d.refused(status, http.StatusMethodNotAllowed, "method_not_allowed", body)
	case err != nil:
		return err
	}
	options := &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, AuthenticationFunc: authenticated}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return fmt.Errorf("the request: %w", err)
		}
		for name := range req.URL.Query() {
			if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
				return fmt.Errorf("the request: parameter %s is not described", name)
			}
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
}

// refused says whether an answer is the refusal that an address gets at which
// nothing is described.
func (d *description) refused(status, want int, code string, body []byte) error {
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if err := d.doc.Components.Schemas["refusal"].Value.VisitJSON(answer, openapi3.EnableJSONSchema2020()); err != nil {
		return err
	}
	if got := answer.(map[string]any)["error"].(map[string]any)["code"]; status != want || got != code {
		return fmt.Errorf("the document has no such operation, which is %d %s", want, code)
	}
	return nil
}

// authenticated holds that who was answered had sent a token.
func authenticated(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
		return errors.New("no token was sent")
	}
	return nil
}

func short(header http.Header, body []byte) string {
	if header.Get("Content-Type") != "application/json" {
		return header.Get("Content-Type")
	}
	return string(body)
}
