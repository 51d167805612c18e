package upload

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	tusd "github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/httpserver"
)

// Uploads that are resumed, by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload):
// what has arrived before a connection broke need not be sent again.

const (
	tusPath = Base + "/tus/"
	// headerJob names the job that a file has become, in the answer to its last part
	// and from then on.
	headerJob = "Upload-Job"
	// headerExpires says until when an upload may go on, as the protocol's extension
	// expiration has it. The library does not know it.
	headerExpires   = "Upload-Expires"
	headerExtension = "Tus-Extension"
	// maxUnfinished is how many uploads of a user may not have arrived whole. Those that
	// nobody goes on with are gone after events.PartialTTL.
	maxUnfinished = 16
	// finishTime is for making a job of a file that has arrived. It goes on when the
	// client is gone, who has sent all there is.
	finishTime = 2 * time.Minute
)

// tusCall is what a request of the protocol comes with, in its context.
type tusCall struct {
	who     Principal
	control *http.ResponseController
}

type tusKey struct{}

func callOf(ctx context.Context) *tusCall { return ctx.Value(tusKey{}).(*tusCall) }

// newTus is the protocol over the stream PARTIAL. Appends are guarded, so it needs no
// locks; pages of other hosts are not for it.
func (s *Service) newTus() *tusd.UnroutedHandler {
	store := tusStore{s}
	composer := tusd.NewStoreComposer()
	composer.UseCore(store)
	composer.UseTerminater(store)
	h, err := tusd.NewUnroutedHandler(tusd.Config{
		StoreComposer: composer, BasePath: tusPath, MaxSize: s.cfg.MaxFileSize, DisableDownload: true,
		Cors: &tusd.CorsConfig{Disable: true}, NetworkTimeout: s.cfg.Idle,
		// What is to outlive a request says so itself.
		GracefulRequestCompletionTimeout: time.Nanosecond,
		PreUploadCreateCallback:          s.tusBegins, PreFinishResponseCallback: s.tusArrived,
		// It would log file names and addresses.
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		panic(err) // the settings are above, and are right or not
	}
	return h
}

// tus answers a request of the protocol with one of the library's handlers.
func (s *Service) tus(of func(*tusd.UnroutedHandler) http.HandlerFunc) func(http.ResponseWriter, *http.Request, Principal) (*result, error) {
	return func(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
		if r.Method == http.MethodPatch || r.Method == http.MethodPost {
			sent, err := s.transfer(who)
			if err != nil {
				return nil, err
			}
			defer sent()
		}
		call := &tusCall{who: who, control: http.NewResponseController(w)}
		r = r.WithContext(context.WithValue(r.Context(), tusKey{}, call))
		if id := r.PathValue("uploadId"); id != "" {
			if err := s.tusFound(w, r, id); err != nil {
				return nil, err
			}
		} else if size, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64); err == nil && size > s.cfg.MaxFileSize {
			return nil, s.tooLarge()
		}
		r.Body = httpserver.ClockBody(r.Body, s.cfg.Idle)
		http.StripPrefix(Base+"/tus", s.resumable.Middleware(of(s.resumable))).ServeHTTP(tusAnswer{w}, r)
		return nil, nil
	}
}

// tusFound looks for the upload that a request is about. One that is there whole and is
// no job yet, because a process died in between or could not, becomes one; the
// answer says which it is.
func (s *Service) tusFound(w http.ResponseWriter, r *http.Request, id string) error {
	p, err := s.partials.load(r.Context(), callOf(r.Context()).who.ID, id)
	if errors.Is(err, events.ErrNotFound) {
		return refuse("not_found", "There is no such upload.")
	}
	if err == nil && p.complete() && r.Method != http.MethodDelete {
		err = s.finish(r.Context(), p)
	}
	if err != nil {
		return err
	}
	if p.Job != "" {
		w.Header().Set(headerJob, p.Job)
	} else {
		w.Header().Set(headerExpires, expires(p.begun))
	}
	return nil
}

// tusBegins refuses an upload before any of it is sent.
func (s *Service) tusBegins(hook tusd.HookEvent) (resp tusd.HTTPResponse, change tusd.FileInfoChanges, err error) {
	f := &form{}
	for _, name := range []string{"iec_verification", "dry_run"} {
		if value, given := hook.Upload.MetaData[name]; given {
			if err := f.option(name, value); err != nil {
				return resp, change, s.tusRefusal(err)
			}
		}
	}
	if hook.Upload.Size == 0 {
		return resp, change, s.tusRefusal(refuse(refusal.CodeEmptyFile, "The file is empty. Save the workbook again and upload it."))
	}
	who := callOf(hook.Context).who
	ctx, cancel := context.WithTimeout(context.WithoutCancel(hook.Context), limitTime)
	defer cancel()
	if err := s.within(ctx, s.cfg.DB, who); err != nil {
		return resp, change, s.tusRefusal(err)
	}
	n, err := s.partials.unfinished(ctx, who.ID)
	if err == nil && n >= maxUnfinished {
		err = tooMany("transfers", maxUnfinished, jobsRetry, "Many of your files have not arrived whole. Please go on with those first, or delete them.")
	}
	if err != nil {
		return resp, change, s.tusRefusal(err)
	}
	change.MetaData = tusd.MetaData{}
	for _, name := range []string{"filename", "iec_verification", "dry_run"} {
		if value, given := hook.Upload.MetaData[name]; given {
			change.MetaData[name] = value
		}
	}
	resp.Header = tusd.HTTPHeader{headerExpires: expires(time.Now())} // as the stream does, by the clock
	return resp, change, nil
}

// expires is when an upload is forgotten, as HTTP writes times.
func expires(begun time.Time) string {
	return begun.Add(events.PartialTTL).UTC().Format(http.TimeFormat)
}

// tusArrived makes a job of a file whose last byte has come.
func (s *Service) tusArrived(hook tusd.HookEvent) (tusd.HTTPResponse, error) {
	call := callOf(hook.Context)
	ctx := context.WithoutCancel(hook.Context)
	p, err := s.partials.load(ctx, call.who.ID, hook.Upload.ID)
	if err == nil {
		err = s.finish(ctx, p)
	}
	if err != nil {
		return tusd.HTTPResponse{}, s.tusRefusal(err)
	}
	return tusd.HTTPResponse{Header: tusd.HTTPHeader{headerJob: p.Job}}, nil
}

// finish makes a job of an upload that is there whole, once: the upload's id is the key
// of its idempotency. A file that is refused is forgotten.
func (s *Service) finish(ctx context.Context, p *partial) (err error) {
	if p.Job != "" {
		return nil
	}
	call := callOf(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	// The body has been read; its limits would end the request while it is worked on.
	for _, limit := range []func(time.Time) error{call.control.SetReadDeadline, call.control.SetWriteDeadline} {
		if err := limit(time.Time{}); err != nil {
			return err
		}
	}
	f := &form{key: p.ID, name: fileName(p.Meta["filename"])}
	defer func() { err = errors.Join(err, f.close()) }()
	for name, value := range p.Meta {
		if err := f.option(name, value); err != nil {
			return err
		}
	}
	err = s.spool(f, s.partials.reader(ctx, p))
	var job *events.Job
	if err == nil {
		job, _, err = s.admit(ctx, call.who, f)
	}
	if err == nil {
		err = s.partials.done(ctx, p, job.ID)
	}
	if errors.Is(err, errOvertaken) { // by a request that finishes it as well
		now, lerr := s.partials.load(ctx, call.who.ID, p.ID)
		if lerr == nil && now.Job != "" {
			p.Job = now.Job
			return nil
		}
	}
	if err != nil && statuses[s.problem(err).code] < http.StatusInternalServerError && s.problem(err).code != "too_many_uploads" {
		return errors.Join(err, s.partials.remove(ctx, p))
	}
	return err
}

// tusRefusal is an error as the library sends it: as all of the API's are.
func (s *Service) tusRefusal(err error) error {
	p := s.problem(err)
	status, known := statuses[p.code]
	if !known {
		status = http.StatusInternalServerError
	}
	if status >= 500 {
		s.cfg.Logger.Error("request failed", "code", p.code, "err", err)
	}
	details := p.details
	if details == nil {
		details = map[string]any{}
	}
	body, err := json.Marshal(map[string]any{
		"success": false, "message": p.message, "timestamp": s.timestamp(), "error": map[string]any{"code": p.code, "details": details},
	})
	if err != nil {
		return err
	}
	header := tusd.HTTPHeader{"Content-Type": "application/json"}
	if after := retryAfter(status, p); after != "" {
		header["Retry-After"] = after
	}
	return tusd.Error{ErrorCode: p.code, Message: p.message, HTTPResponse: tusd.HTTPResponse{StatusCode: status, Body: string(body), Header: header}}
}

// tusAnswer leaves the host out of where a new upload is: a proxy in front has another,
// and maybe another scheme. It names the extension that is ours, and no time at which
// an upload that is a job would be forgotten.
type tusAnswer struct{ http.ResponseWriter }

func (w tusAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w tusAnswer) WriteHeader(status int) {
	h := w.Header()
	if known := h.Get(headerExtension); known != "" {
		h.Set(headerExtension, known+",expiration")
	}
	if h.Get(headerJob) != "" || status >= http.StatusBadRequest {
		h.Del(headerExpires)
	}
	if u, err := url.Parse(h.Get("Location")); err == nil && u.Path != "" {
		h.Set("Location", u.Path)
	}
	w.ResponseWriter.WriteHeader(status)
}
