package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/workbook"
)

const (
	// formOverhead is what a form may have beside the file, in bytes.
	formOverhead = 1 << 20
	maxParts     = 32
	maxField     = 1 << 10 // bytes of a field's value

	// Fields that say what is wanted, true or false.
	optionIEC        = "iec_verification"
	optionDryRun     = "dry_run"
	optionAllowClear = "allow_clear"
	// optionMode says which people may be written: upsert, create or update.
	optionMode = "mode"
	// optionFollows names the job whose rows the file corrects.
	optionFollows = "follows"
	// optionMapping says what the columns are.
	optionMapping = "mapping"
)

// form is an upload as received: the file, spooled, and what was asked for.
type form struct {
	key     string   // of idempotency; "" for none
	file    *os.File // without a name; nil until the file part came
	size    int64
	sha256  string
	name    string
	options events.Options
	mapping mappings.Mapping // what the sender says of the columns
	header  workbook.Header  // of the sheet to be read; of a file that was checked
	mapped  *events.Mapping  // the mapping as the fact has it; of a file that was checked
	area    events.Area      // where the job may work; see authorize
	said    map[string]any   // the options that were given
}

func (f *form) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// readForm reads a multipart body to its end. Fields may come before or after
// the file; a field wins over a query parameter of the same name. The caller
// closes the form, also one that came with an error.
func (s *Service) readForm(w http.ResponseWriter, r *http.Request) (*form, error) {
	key, err := keyOf(r)
	f := &form{key: key}
	if err != nil {
		return f, err
	}
	if err := f.setOptions(r.URL.Query()); err != nil {
		return f, err
	}
	if r.ContentLength > s.cfg.MaxFileSize+formOverhead {
		return f, tooLarge(s.cfg.MaxFileSize)
	}
	r.Body = httpserver.BoundBody(w, http.MaxBytesReader(w, r.Body, s.cfg.MaxFileSize+formOverhead), s.cfg.Idle)
	parts, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		return f, refusal.New(refusal.CodeBadRequest, "Send the spreadsheet as multipart/form-data, in a part named file.")
	}
	if err != nil {
		return f, malformed(err)
	}
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF { // a wrapped one means that the body was cut off
			break
		}
		if err == nil && n == maxParts {
			err = fmt.Errorf("more than %d parts", maxParts)
		}
		if err == nil {
			err = s.readPart(f, part)
		}
		if err != nil {
			return f, s.explainReadError(err)
		}
	}
	// Only behind the end of a body does the server see that the client has gone.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return f, s.explainReadError(err)
	}
	// A limit left behind would end the request while it is being worked on.
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		return f, fmt.Errorf("read form: %w", err)
	}
	switch {
	case f.file == nil:
		return f, refusal.New(refusal.CodeNoFile,
			"No file was sent. Choose a spreadsheet; it belongs into a part named file.")
	case f.size == 0:
		return f, emptyFile()
	}
	return f, nil
}

func (s *Service) readPart(f *form, part *multipart.Part) error {
	name := part.FormName()
	if name == "file" {
		if f.file != nil {
			return refusal.New(refusal.CodeBadRequest, "Send one file at a time.")
		}
		f.name = cleanFileName(part.FileName())
		return s.spool(f, func(w io.Writer) (int64, error) {
			return io.Copy(w, io.LimitReader(part, s.cfg.MaxFileSize+1))
		})
	}
	limit := int64(maxField)
	if name == optionMapping {
		limit = mappings.MaxBytes + 1 // setOption says that it is too large
	}
	value, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return err
	}
	if int64(len(value)) > limit && name != optionMapping {
		return fmt.Errorf("field longer than %d bytes", maxField)
	}
	return f.setOption(name, string(value))
}

// spool keeps what copyTo writes on the disk, where its structure can be looked at, in a
// file whose name is gone before the first byte is in it.
func (s *Service) spool(f *form, copyTo func(io.Writer) (int64, error)) error {
	file, err := s.cfg.Store.OpenSpool()
	if err != nil {
		return err
	}
	f.file = file
	sum := sha256.New()
	f.size, err = copyTo(io.MultiWriter(file, sum))
	if err != nil {
		return err
	}
	if f.size > s.cfg.MaxFileSize {
		return tooLarge(s.cfg.MaxFileSize)
	}
	f.sha256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (f *form) setOptions(values url.Values) error {
	for name, list := range values {
		for _, value := range list {
			if err := f.setOption(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// setOption takes the fields that mean something, and ignores others. One that is given
// twice, in the URL and the form for instance, must say the same: a proxy that looked at
// the one would not know of the other.
func (f *form) setOption(name, value string) error {
	var yes, known bool
	var said any
	must := "true or false"
	switch name {
	case optionIEC, optionDryRun, optionAllowClear:
		var err error
		yes, err = strconv.ParseBool(value)
		said, known = yes, err == nil
	case optionMode:
		said, known = events.ParseMode(value)
		must = "upsert, create or update"
	case optionFollows:
		said, known = value, events.ValidJobID(value)
		must = "the id of a job"
	case optionMapping:
		return f.setMapping(value)
	default:
		return nil
	}
	refuse := func(words string, args ...any) error {
		return &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": name},
			Message: "The field " + name + fmt.Sprintf(words, args...)}
	}
	if !known {
		return refuse(" must be %s.", must)
	}
	if before, given := f.said[name]; given && before != said {
		return refuse(" was sent twice, and not the same.")
	}
	if f.said == nil {
		f.said = map[string]any{}
	}
	f.said[name] = said
	switch name {
	case optionDryRun:
		f.options.DryRun = yes
	case optionIEC:
		f.options.SkipIEC = !yes
	case optionAllowClear:
		f.options.AllowClear = yes
	case optionMode:
		f.options.Mode = said.(events.Mode)
	case optionFollows:
		f.options.Follows = value
	}
	return nil
}

// setMapping takes what the sender says of the columns.
func (f *form) setMapping(text string) error {
	m, err := mappings.Parse(text)
	if err != nil {
		return err
	}
	if f.mapping != nil && !slices.Equal(f.mapping, m) {
		return &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": optionMapping},
			Message: "The field mapping was sent twice, and not the same."}
	}
	f.mapping = m
	return nil
}

// explainReadError tells what kept a body from being read: the client, or the disk.
func (s *Service) explainReadError(err error) error {
	var known *refusal.Error
	var limit *http.MaxBytesError
	var disk *fs.PathError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &limit):
		return tooLarge(s.cfg.MaxFileSize)
	case errors.As(err, &disk):
		return &refusal.Error{Code: refusal.CodeUnavailable, Err: err,
			Message: "The file cannot be taken at the moment. Please try again shortly."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal.Error{Code: refusal.CodeBadRequest, Err: err,
			Message: "The upload stalled. Please send the file again."}
	}
	return malformed(err)
}

func malformed(err error) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeBadRequest, Err: err,
		Message: "The upload could not be read or was cut off. Please send the file again."}
}

func emptyFile() *refusal.Error {
	return refusal.New(refusal.CodeEmptyFile, "The file is empty. Save the workbook again and upload it.")
}

// tooLarge refuses a file of more than so many bytes.
func tooLarge(most int64) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeFileTooLarge, Details: map[string]any{"max_bytes": most},
		Message: fmt.Sprintf("The file is larger than %s. Upload it in parts.", megabytes(most))}
}

func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return strconv.FormatFloat(float64(n*10>>20)/10, 'f', -1, 64) + " MB"
}
