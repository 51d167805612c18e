package upload

import (
	"crypto/sha1" // what the protocol asks for; it finds errors of lines, not of people
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"rollcall.example/events/refusal"
	"rollcall.example/services/httpserver"
)

// headerChecksum has the sum of a part, as the protocol's extension checksum has it. The
// library does not know it.
const headerChecksum = "Upload-Checksum"

// checksums are the algorithms, by their names in the protocol.
var checksums = map[string]func() hash.Hash{
	"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New,
}

// checkSum refuses a part whose bytes are not those of its checksum, before any of them is
// stored: it keeps them on the disk meanwhile, and gives them back as the body of the
// request. The caller calls end when the request is over.
func (t *tusServer) checkSum(w http.ResponseWriter, r *http.Request) (end func(), err error) {
	end = func() {}
	given := r.Header.Get(headerChecksum)
	if given == "" || r.Method != http.MethodPatch && r.Method != http.MethodPost {
		return end, nil
	}
	name, text, _ := strings.Cut(given, " ")
	newSum, known := checksums[name]
	want, err := base64.StdEncoding.DecodeString(text)
	if !known || err != nil {
		return end, &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": headerChecksum},
			Message: "The checksum must be one of " + strings.Join(slices.Sorted(maps.Keys(checksums)), ", ") +
				", with its value in base64 behind a space."}
	}
	file, err := t.s.cfg.Store.OpenSpool()
	if err != nil {
		return end, err
	}
	sum := newSum()
	n, err := io.Copy(io.MultiWriter(file, sum), httpserver.BoundBody(w, r.Body, t.s.cfg.Idle))
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil && subtle.ConstantTimeCompare(sum.Sum(nil), want) == 0 {
		err = &refusal.Error{Code: refusal.CodeChecksum, Details: map[string]any{"algorithm": name},
			Message: "The bytes that came are not those that were sent. Please send this part again."}
	}
	if err != nil {
		return end, errors.Join(t.s.explainReadError(err), file.Close())
	}
	r.Body, r.ContentLength = file, n
	return func() { _ = file.Close() }, nil // whose name is gone already
}
