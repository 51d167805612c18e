package upload_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
	"rollcall.example/services/upload"
)

// sendPart sends a part of a file that is sent in several uploads, and returns its address.
func (r *rig) sendPart(who, bytes string) (address string) {
	r.T.Helper()
	a := r.Tus(who, http.MethodPost, "/tus", nil, "Upload-Length", strconv.Itoa(len(bytes)), "Upload-Concat", "partial")
	if a.Status != http.StatusCreated {
		r.T.Fatalf("begin: %d %s", a.Status, a.Raw)
	}
	address = a.Header.Get("Location")
	if bytes == "" {
		return address
	}
	a = r.part(who, path.Base(address), 0, bytes)
	if a.Status != http.StatusNoContent || a.Header.Get(upload.HeaderJob) != "" ||
		a.Header.Get(upload.HeaderExpires) == "" {
		r.T.Fatalf("part: %d %s %v", a.Status, a.Raw, a.Header)
	}
	return address
}

// join makes a file of parts.
func (r *rig) join(who string, parts ...string) apitest.Reply {
	r.T.Helper()
	return r.Tus(who, http.MethodPost, "/tus", nil, "Upload-Concat", "final;"+strings.Join(parts, " "),
		"Upload-Metadata", apitest.Metadata("filename", "whole.xlsx", "dry_run", "true"))
}

// A file that came in several uploads is one job, however often it is asked for; what it
// was made of is kept no longer.
func TestPartsAreJoinedToAFile(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	half := len(roll) / 2
	one, two := r.sendPart("alice member", roll[:half]), r.sendPart("alice member", roll[half:])
	none := r.sendPart("alice member", "")
	if n, a := r.offset("alice member", path.Base(one)); n != half || a.Header.Get("Upload-Concat") != "partial" ||
		a.Header.Get(upload.HeaderJob) != "" {
		t.Errorf("a part: %d %v", n, a.Header)
	}
	a := r.join("alice member", "https://front.example"+one, two, none)
	job, err := r.Log.Load(t.Context(), a.Header.Get(upload.HeaderJob))
	if a.Status != http.StatusCreated || err != nil || job.FileName != "whole.xlsx" || !job.Options.DryRun ||
		job.Uploaded.File.Size != int64(len(roll)) {
		t.Fatalf("%d %s %v, %v", a.Status, a.Raw, a.Header, err)
	}
	file, err := r.reader().Fetch(t.Context(), job.Uploaded.File)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file)
	if err != nil || string(got) != roll || file.Close() != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(roll), err)
	}
	// The answer was lost.
	again := r.join("alice member", "https://front.example"+one, two, none)
	if again.Header.Get(upload.HeaderJob) != job.ID || again.Header.Get("Location") != a.Header.Get("Location") {
		t.Errorf("again: %d %s %v", again.Status, again.Raw, again.Header)
	}
	whole := path.Base(a.Header.Get("Location"))
	n, head := r.offset("alice member", whole)
	if n != len(roll) || head.Header.Get(upload.HeaderJob) != job.ID ||
		head.Header.Get("Upload-Concat") != "final;"+strings.Join([]string{one, two, none}, " ") {
		t.Errorf("the whole: %d %v", n, head.Header)
	}
	if a := r.part("alice member", whole, len(roll), "more"); a.Status != http.StatusForbidden {
		t.Errorf("added to: %d %s", a.Status, a.Raw)
	}
	if n := r.parts(); n != 4 { // which upload is which job
		t.Errorf("%d messages are kept of it", n)
	}
}

func TestPartsThatMakeNoFile(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	half := len(roll) / 2
	one, bobs := r.sendPart("alice member", roll[:half]), r.sendPart("bob member", roll[half:])
	own := r.BeginTus("alice member", strconv.Itoa(len(roll)))
	begun := r.Tus("alice member", http.MethodPost, "/tus", nil, "Upload-Length", "9", "Upload-Concat", "partial")
	large := r.sendPart("alice member", strings.Repeat("x", 1<<20))
	for what, c := range map[string]struct {
		parts  []string
		status int
	}{
		"another's": {[]string{one, bobs}, http.StatusNotFound},
		"none":      {[]string{}, http.StatusBadRequest},
		"twice":     {[]string{one, one}, http.StatusBadRequest},
		"not whole": {[]string{one, begun.Header.Get("Location")}, http.StatusBadRequest},
		"not there": {[]string{api.TusPath + "6b8e7c1e-2f0a-4d53-9a56-5f1f7a3e9b10"}, http.StatusNotFound},
		"no part":   {[]string{api.TusPath + own}, http.StatusBadRequest},
		"elsewhere": {[]string{"https://evil.example/x"}, http.StatusNotFound},
		"too large": {[]string{one, large}, http.StatusRequestEntityTooLarge},
		"too many":  {strings.Split(strings.Repeat(" "+one, upload.MaxUnfinished+1)[1:], " "), http.StatusBadRequest},
	} {
		if a := r.join("alice member", c.parts...); a.Status != c.status || a.Header.Get(upload.HeaderJob) != "" {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	// What is refused takes its parts along.
	if a := r.join("alice member", one); a.Status < 400 || a.Status >= 500 || a.Error.Code == "" {
		t.Errorf("half a file: %d %s", a.Status, a.Raw)
	}
	if _, a := r.offset("alice member", path.Base(one)); a.Status != http.StatusNotFound {
		t.Errorf("its part: %d", a.Status)
	}
	// Parts are unfinished uploads like others, however many of them have arrived.
	for n := range upload.MaxUnfinished {
		if n%2 == 0 {
			r.sendPart("carol member", "x")
		} else {
			r.BeginTus("carol member", "9")
		}
	}
	a := r.Tus("carol member", http.MethodPost, "/tus", nil, "Upload-Length", "9", "Upload-Concat", "partial")
	if a.Status != http.StatusTooManyRequests || a.Error.Details["of"] != "transfers" {
		t.Errorf("too many: %d %s", a.Status, a.Raw)
	}
}

// As many parts as there may be make a file.
func TestAllOfAUsersPartsAreJoined(t *testing.T) {
	r := newRig(t)
	text := "ID Number\n" + strings.Repeat("8001015009087\n", upload.MaxUnfinished)
	var parts []string
	size := len(text)/upload.MaxUnfinished + 1
	for from := 0; from < len(text); from += size {
		parts = append(parts, r.sendPart("alice member", text[from:min(from+size, len(text))]))
	}
	for len(parts) < upload.MaxUnfinished {
		parts = append(parts, r.sendPart("alice member", ""))
	}
	if a := r.join("alice member", parts...); a.Status/100 == 4 && a.Error.Code == "too_many_uploads" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}

func TestAPartIsStoredOnlyIfItsChecksumIsRight(t *testing.T) {
	r := newRig(t)
	roll := apitest.Roll(t)
	one, two := sha1.Sum([]byte(roll[:1000])), sha256.Sum256([]byte(roll[1000:]))
	encode := base64.StdEncoding.EncodeToString
	id := r.BeginTus("alice member", strconv.Itoa(len(roll)))
	send := func(at int, body, sum string) apitest.Reply {
		return r.Tus("alice member", http.MethodPatch, "/tus/"+id, strings.NewReader(body),
			"Upload-Offset", strconv.Itoa(at), "Upload-Checksum", sum)
	}
	a := send(0, roll[:999]+"x", "sha1 "+encode(one[:]))
	if a.Status != 460 || a.Error.Code != "checksum_mismatch" {
		t.Errorf("other bytes: %d %s", a.Status, a.Raw)
	}
	for _, bad := range []string{"md4 " + encode(one[:]), "sha1", "sha1 ???", encode(one[:]), "sha1  "} {
		if a := send(0, roll[:1000], bad); a.Status != http.StatusBadRequest && a.Status != 460 {
			t.Errorf("%q: %d %s", bad, a.Status, a.Raw)
		}
	}
	if n, _ := r.offset("alice member", id); n != 0 {
		t.Errorf("%d bytes of it were kept", n)
	}
	if a := send(0, roll[:1000], "sha1 "+encode(one[:])); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	a = send(1000, roll[1000:], "sha256 "+encode(two[:]))
	if a.Status != http.StatusNoContent || !events.ValidJobID(a.Header.Get(upload.HeaderJob)) {
		t.Errorf("the rest: %d %s", a.Status, a.Raw)
	}
	whole := sha256.Sum256([]byte(roll))
	for sum, status := range map[string]int{encode(whole[:]): http.StatusCreated, encode(two[:]): 460} {
		a := r.Tus("alice member", http.MethodPost, "/tus", strings.NewReader(roll),
			"Upload-Length", strconv.Itoa(len(roll)), "Upload-Checksum", "sha256 "+sum)
		if a.Status != status || (a.Header.Get(upload.HeaderJob) != "") != (status == http.StatusCreated) {
			t.Errorf("with its beginning: %d %s", a.Status, a.Raw)
		}
	}
}

// installClient installs the official client into a folder.
func installClient(t *testing.T) (dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: go tool task node", tool)
		}
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "tus"))); err != nil {
		t.Fatal(err)
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return dir
}

// The client that most pages use sends several parts at once.
func TestTheOfficialClientSendsPartsAtOnce(t *testing.T) {
	r := newRig(t)
	dir := installClient(t)
	text := "ID Number\n" + strings.Repeat("8001015009087\n", 20_000)
	file := filepath.Join(dir, "roll.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "driver.js", file)
	node.Dir, node.Stderr = dir, os.Stderr
	node.Env = append(os.Environ(), "ENDPOINT="+r.URL+"/tus", "AUTHORIZATION=Bearer alice member", "CHUNK=30000")
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	job, err := r.Log.Load(t.Context(), strings.TrimSpace(string(out)))
	if err != nil || job.FileName != "in parts.csv" || !job.Options.DryRun || job.Uploaded.File.Size != int64(len(text)) {
		t.Errorf("%q: %+v, %v", out, job, err)
	}
}
