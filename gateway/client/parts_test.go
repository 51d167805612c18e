package client_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
)

// tusServer is the part of the protocol that the client uses, with faults.
type tusServer struct {
	t  *testing.T
	mu sync.Mutex
	// uploads holds what has arrived by path, sizes how many bytes each has in all.
	uploads map[string]string
	sizes   map[string]int
	// requests counts requests by method.
	requests map[string]int
	// breaks is how many more connections will break in the middle of a part.
	breaks int
	// refuse is the status of the answer to every PATCH; 0 means an honest answer.
	refuse int
}

func newTusServer(t *testing.T) *tusServer {
	return &tusServer{t: t, uploads: map[string]string{}, sizes: map[string]int{}, requests: map[string]int{}}
}

func (s *tusServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[r.Method]++
	if r.Header.Get("Tus-Resumable") != "1.0.0" {
		s.t.Errorf("%s without a version", r.Method)
	}
	path := strings.TrimPrefix(r.URL.Path, apiBase)
	had, known := s.uploads[path]
	switch {
	case r.Method == http.MethodPost && path == "/tus":
		size, err := strconv.Atoi(r.Header.Get("Upload-Length"))
		if err != nil {
			s.t.Error(err)
		}
		path = "/tus/" + strconv.Itoa(s.requests[r.Method])
		s.uploads[path], s.sizes[path] = "", size
		w.Header().Set("Location", "http://"+r.Host+apiBase+path)
		w.WriteHeader(http.StatusCreated)
		return
	case !known:
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method == http.MethodPatch && s.refuse != 0:
		http.Error(w, "ERR_SOME: no", s.refuse)
		return
	case r.Method == http.MethodPatch:
		if r.Header.Get("Upload-Offset") != strconv.Itoa(len(had)) {
			w.WriteHeader(http.StatusConflict)
			return
		}
		if s.breaks > 0 {
			s.breaks--
			half, _ := io.ReadAll(io.LimitReader(r.Body, r.ContentLength/2)) // as much as came
			s.uploads[path] += string(half)
			panic(http.ErrAbortHandler)
		}
		part, err := io.ReadAll(r.Body)
		if err != nil {
			s.t.Error(err)
		}
		had += string(part)
		s.uploads[path] = had
	}
	w.Header().Set("Upload-Offset", strconv.Itoa(len(had)))
	if len(had) == s.sizes[path] {
		w.Header().Set("Upload-Job", "job"+path)
	}
}

func (s *tusServer) upload(c *client.Client, text string, p client.PartOptions) (string, error) {
	file := strings.NewReader(text)
	return c.UploadInParts(s.t.Context(), "roll.csv", file, file.Size(), client.UploadOptions{}, p)
}

const tenBytes = "0123456789"

func TestUploadInPartsSendsNothingTwice(t *testing.T) {
	s := newTusServer(t)
	s.breaks = 2
	c := restClient(t, client.Config{Backoff: quick}, s.ServeHTTP)
	id, err := s.upload(c, tenBytes, client.PartOptions{MaxPart: 6})
	if err != nil || id != "job/tus/1" || s.uploads["/tus/1"] != tenBytes {
		t.Errorf("%q, %v, arrived %v", id, err, s.uploads)
	}
	// Two requests broke after three bytes each; the third had the other four.
	if s.requests["PATCH"] != 3 || s.requests["HEAD"] != 2 || s.requests["POST"] != 1 {
		t.Errorf("requests %v", s.requests)
	}
}

func TestUploadInPartsGivesUpWhenNothingArrives(t *testing.T) {
	s := newTusServer(t)
	s.refuse = http.StatusServiceUnavailable
	c := restClient(t, client.Config{Backoff: quick, Attempts: 2}, s.ServeHTTP)
	if _, err := s.upload(c, tenBytes, client.PartOptions{}); err == nil ||
		!strings.Contains(err.Error(), "0 of 10 bytes") {
		t.Errorf("%v", err)
	}
	if s.requests["PATCH"] != 3 {
		t.Errorf("requests %v", s.requests)
	}
}

// Another process goes on where the first one stopped. No note is left of a finished or a
// refused upload.
func TestUploadInPartsContinuesInAnotherProcess(t *testing.T) {
	s := newTusServer(t)
	s.breaks = 1
	dir := filepath.Join(t.TempDir(), "notes")
	notes := func() int {
		t.Helper()
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	c := restClient(t, client.Config{Backoff: quick, Attempts: 1}, s.ServeHTTP)
	s.refuse = http.StatusInternalServerError
	if _, err := s.upload(c, tenBytes, client.PartOptions{Notes: dir}); err == nil || notes() != 1 {
		t.Fatalf("%v, %d notes", err, notes())
	}
	s.refuse = 0
	id, err := s.upload(c, tenBytes, client.PartOptions{Notes: dir})
	if err != nil || id != "job/tus/1" || notes() != 0 {
		t.Errorf("gone on with: %q, %v, %d notes", id, err, notes())
	}
	s.refuse = http.StatusRequestEntityTooLarge
	_, err = s.upload(c, tenBytes, client.PartOptions{Notes: dir})
	e, ok := errors.AsType[*refusal.Error](err)
	if !ok || e.Code != "request_entity_too_large" || e.Message != "ERR_SOME: no" || notes() != 0 {
		t.Errorf("refused for good: %v, %d notes", err, notes())
	}
}

func TestUploadInPartsStartsOverWhenTheServerHasForgotten(t *testing.T) {
	s := newTusServer(t)
	dir := t.TempDir()
	s.refuse = http.StatusInternalServerError
	c := restClient(t, client.Config{Backoff: quick, Attempts: 1}, s.ServeHTTP)
	if _, err := s.upload(c, tenBytes, client.PartOptions{Notes: dir}); err == nil {
		t.Fatal("arrived")
	}
	s.refuse = 0
	clear(s.uploads)
	if id, err := s.upload(c, tenBytes, client.PartOptions{Notes: dir}); err != nil || id != "job/tus/2" {
		t.Errorf("%q, %v", id, err)
	}
}
