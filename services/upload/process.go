package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

const (
	maxFields   = 20
	maxField    = 1 << 10
	maxFileName = 200
	// formOverhead is what a form may have beside the file.
	formOverhead = 64 << 10
	// transferWait is how long an upload waits for its turn to be stored.
	transferWait = 30 * time.Second
)

// process takes an upload. Nothing is stored before the file has been looked
// at, and the answer is given when the fact uploaded is on the disk.
func (s *Service) process(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxFileSize+formOverhead)
	form, err := s.readForm(r)
	if err != nil {
		return nil, err
	}
	defer form.close()
	options, err := form.options(r)
	if err != nil {
		return nil, err
	}
	job, err := s.accept(r.Context(), form, options, who.User)
	if err != nil {
		return nil, err
	}
	s.cfg.Logger.Info("upload accepted", "job", job.ID, "user", who.ID, "bytes", form.size)
	// So that whoever asks for the list next finds it there. If it fails, the
	// consumer of the projection makes up for it.
	if err := s.project(r.Context(), &job); err != nil {
		s.cfg.Logger.Warn("job not listed yet", "job", job.ID, "err", err)
	}
	return &result{status: http.StatusAccepted, message: "The file was accepted and is being processed.", data: map[string]any{
		"job_id": job.ID, "status": job.Status, "file_name": job.FileName,
		"status_path": Base + "/status/" + job.ID, "report_path": Base + "/report/" + job.ID,
	}}, nil
}

// accept checks and stores the file and appends the fact uploaded.
func (s *Service) accept(ctx context.Context, form *form, options events.Options, owner events.User) (events.Job, error) {
	turn, cancel := context.WithTimeout(ctx, transferWait)
	defer cancel()
	select {
	case s.transfers <- struct{}{}:
		defer func() { <-s.transfers }()
	case <-turn.Done():
		return events.Job{}, refuse("busy", "Too many files are being received. Please try again in a moment.")
	}
	columns, err := schema.Columns()
	if err != nil {
		return events.Job{}, err
	}
	if _, err := workbook.Preflight(form.file, form.size, s.cfg.Limits, columns); err != nil {
		return events.Job{}, err
	}
	if _, err := form.file.Seek(0, io.SeekStart); err != nil {
		return events.Job{}, err
	}
	id := events.NewJobID()
	// From here on the client's patience does not matter: half an upload would
	// be worse than one that nobody waited for.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	file, err := s.cfg.Store.Put(ctx, events.BucketUploads, id+"/upload.xlsx", form.file)
	if err != nil {
		return events.Job{}, err
	}
	fact := &events.Uploaded{Owner: owner, FileName: form.name, File: file, Options: options}
	fact.JobID = id
	var job events.Job
	// Nobody else knows the id, so an error can only mean that it is unknown
	// whether the fact was stored; trying again finds out.
	for attempt := 1; ; attempt++ {
		_, err = s.cfg.Log.Append(ctx, &job, 0, fact)
		if err == nil {
			return job, nil
		}
		if attempt == 3 {
			return events.Job{}, fmt.Errorf("job %s: %w", id, err)
		}
	}
}

// form is an upload's multipart form, its file spooled.
type form struct {
	file   *os.File // without a name: gone with the process
	size   int64
	name   string
	fields map[string]string
}

func (f *form) close() {
	if f.file != nil {
		_ = f.file.Close() // a spool: nothing is lost with its close
	}
}

func (s *Service) readForm(r *http.Request) (_ *form, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, refuse("bad_request", "Send the spreadsheet as multipart/form-data, in a part named file.")
	}
	f := &form{fields: map[string]string{}}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, s.broken(err)
		}
		switch {
		case part.FormName() == "file" && f.file != nil:
			return nil, refuse("bad_request", "Send one file at a time.")
		case part.FormName() == "file":
			err = s.spool(f, part)
		case len(f.fields) == maxFields:
			return nil, refuse("bad_request", "The form has too many fields.")
		default:
			var value []byte
			value, err = io.ReadAll(io.LimitReader(part, maxField+1))
			if len(value) > maxField {
				return nil, refuse("bad_request", "A field of the form is too long.")
			}
			f.fields[part.FormName()] = string(value)
		}
		if err != nil {
			return nil, s.broken(err)
		}
	}
	if f.file == nil {
		return nil, refuse("no_file", "The form has no part named file. Please choose a spreadsheet and send it again.")
	}
	return f, nil
}

// spool copies the file's part to the disk, within the limit.
func (s *Service) spool(f *form, part *multipart.Part) error {
	f.name = fileName(part.FileName())
	file, err := os.CreateTemp(s.cfg.Store.SpoolDir, "rollcall-upload-*")
	if err != nil {
		return err
	}
	f.file = file
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	f.size, err = io.Copy(file, io.LimitReader(part, s.cfg.MaxFileSize+1))
	if err == nil && f.size > s.cfg.MaxFileSize {
		return s.tooLarge()
	}
	return err
}

func (s *Service) tooLarge() *problem {
	p := refuse("file_too_large", fmt.Sprintf("The file is larger than %d MB. Please split the roll into several files.", s.cfg.MaxFileSize>>20))
	p.details = map[string]any{"max_bytes": s.cfg.MaxFileSize}
	return p
}

// broken tells what went wrong while the body was read.
func (s *Service) broken(err error) error {
	var p *problem
	var large *http.MaxBytesError
	var disk *os.PathError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return s.tooLarge()
	case errors.As(err, &disk):
		return fmt.Errorf("spool upload: %w", err)
	}
	return refuse("bad_request", "The form could not be read to its end. Please send the file again.")
}

// options are taken from the form, else from the query.
func (f *form) options(r *http.Request) (o events.Options, err error) {
	value := func(name string, otherwise bool) bool {
		text, ok := f.fields[name]
		if !ok {
			text = r.URL.Query().Get(name)
		}
		if text == "" || err != nil {
			return otherwise
		}
		v, perr := strconv.ParseBool(strings.TrimSpace(text))
		if perr != nil {
			err = refuse("bad_request", name+" must be true or false.")
		}
		return v
	}
	o.SkipIEC = !value("iec_verification", true)
	o.DryRun = value("dry_run", false)
	return o, err
}

// fileName makes a name harmless: no folders, nothing that does not print.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	for len(name) > maxFileName {
		runes := []rune(name)
		name = string(runes[:len(runes)-1])
	}
	if name = strings.TrimSpace(name); name == "" || name == "." || name == ".." || name == "/" {
		return "upload.xlsx"
	}
	return name
}
