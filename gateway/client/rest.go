package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const apiBase = "/api/v1/bulk-upload"

// Call makes a request without a body to a path below /api/v1/bulk-upload. It decodes the
// data of the answer into out, unless out is nil.
func (c *Client) Call(ctx context.Context, method, path string, out any) error {
	return c.call(ctx, method, path, nil, nil, out)
}

// CallWith is Call with a JSON body.
func CallWith(ctx context.Context, c *Client, method, path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return c.call(ctx, method, path, bytes.NewReader(text), header, out)
}

// SaveMapping keeps a mapping, as UploadOptions has it, under a name for the user, in
// place of an earlier one of that name. The error is a *StatusError when the mapping is
// refused.
func (c *Client) SaveMapping(ctx context.Context, name string, mapping map[string]string) error {
	header := http.Header{"Content-Type": {"application/json"}}
	body := strings.NewReader(EncodeMapping(mapping))
	return c.call(ctx, http.MethodPut, "/mappings/"+url.PathEscape(name), body, header, nil)
}

// Mapping returns a mapping that the user keeps.
func (c *Client) Mapping(ctx context.Context, name string) (map[string]string, error) {
	var saved struct {
		Mapping map[string]string `json:"mapping"` // null is "" here
	}
	err := c.Call(ctx, http.MethodGet, "/mappings/"+url.PathEscape(name), &saved)
	return saved.Mapping, err
}

func (c *Client) call(ctx context.Context, method, path string, body io.Reader, header http.Header, out any) error {
	resp, err := c.do(ctx, method, path, body, header)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // fails only after an earlier error
	var a envelope
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return fmt.Errorf("%s %s: %s: not an answer of rollcall: %w", method, path, resp.Status, err)
	}
	if !a.Success {
		return a.refusal(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// do makes a request. An answer with any status is no error.
func (c *Client) do(
	ctx context.Context, method, path string, body io.Reader, header http.Header,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if part, ok := body.(*io.SectionReader); ok {
		req.ContentLength = part.Size()
	}
	resp, err := c.cfg.HTTPClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return resp, nil
}
