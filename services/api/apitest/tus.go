package apitest

import (
	"encoding/base64"
	"io"
	"net/http"
	"path"
	"strings"
)

// Metadata is a header Upload-Metadata of names and values in turn.
func Metadata(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(list, ",")
}

// Tus makes a request of the tus protocol with headers, names and values in turn.
func (r *Rig) Tus(who, method, path string, body io.Reader, headers ...string) Reply {
	r.T.Helper()
	contentType := ""
	if body != nil {
		contentType = "application/offset+octet-stream"
	}
	return r.Do(who, method, path, body, contentType, func(h http.Header) {
		h.Set("Tus-Resumable", "1.0.0")
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
	})
}

// BeginTus begins an upload of so many bytes, and returns its id.
func (r *Rig) BeginTus(who, size string, meta ...string) (uploadID string) {
	r.T.Helper()
	a := r.Tus(who, http.MethodPost, "/tus", nil, "Upload-Length", size, "Upload-Metadata", Metadata(meta...))
	if a.Status != http.StatusCreated {
		r.T.Fatalf("begin: %d %s", a.Status, a.Raw)
	}
	return path.Base(a.Header.Get("Location"))
}
