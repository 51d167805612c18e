package upload

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	tusd "github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/httpserver"
)

// Resumable uploads, by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload):
// what arrived before a connection broke need not be sent again.

const (
	// headerJob names the job that a file has become, in the answer to its last part
	// and from then on.
	headerJob = "Upload-Job"
	// headerOffered names the mapping that the user keeps and that fits the file, which
	// was sent without one; escaped as in the path /mappings/{name}.
	headerOffered = "Upload-Mapping-Offered"
	// headerExpires says until when an upload may go on, as the protocol's extension
	// expiration has it. The library does not know it.
	headerExpires   = "Upload-Expires"
	headerExtension = "Tus-Extension"
	headerConcat    = "Upload-Concat"
	// maxUnfinished is how many uploads of a user may not have arrived whole. Those that
	// nobody goes on with are gone after events.PartialTTL.
	maxUnfinished = 16
	// finishTime bounds making a job of a file that has arrived. It goes on when the
	// client, who has sent everything, is gone.
	finishTime = 2 * time.Minute
)

// tusCall is what the hooks and the store need of a request, in its context.
type tusCall struct {
	who     access.Principal
	control *http.ResponseController
}

type tusKey struct{}

func callOf(ctx context.Context) *tusCall { return ctx.Value(tusKey{}).(*tusCall) }

// tusServer is the protocol over the stream PARTIAL: the library's hooks and store.
type tusServer struct {
	s       *Service
	library *tusd.UnroutedHandler
}

// newTusServer returns the server. Appends are guarded, so it needs no locks; pages of
// other hosts are not for it.
func newTusServer(s *Service) *tusServer {
	t := &tusServer{s: s}
	composer := tusd.NewStoreComposer()
	composer.UseCore(t)
	composer.UseTerminater(t)
	composer.UseConcater(t)
	var err error
	t.library, err = tusd.NewUnroutedHandler(tusd.Config{
		StoreComposer: composer, BasePath: s.cfg.TusPath, MaxSize: s.cfg.MaxFileSize, DisableDownload: true,
		Cors: &tusd.CorsConfig{Disable: true}, NetworkTimeout: s.cfg.Idle,
		// What is to outlive a request says so itself.
		GracefulRequestCompletionTimeout: time.Nanosecond,
		PreUploadCreateCallback:          t.checkNewUpload, PreFinishResponseCallback: t.finishUpload,
		// It would log file names and addresses.
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		panic(err) // the settings are above, and are right or not
	}
	return t
}

// ServeTus answers a request of the protocol. Which upload it is about is uploadID,
// "" for one that begins. A file whose last byte has come becomes a job, which the
// answer names. It bounds the request's body. With an error nothing was answered.
func (s *Service) ServeTus(w http.ResponseWriter, r *http.Request, who access.Principal, uploadID string) error {
	r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxFileSize)
	if r.Method == http.MethodPatch || r.Method == http.MethodPost {
		end, err := s.beginTransfer(who.User)
		if err != nil {
			return err
		}
		defer end()
	}
	call := &tusCall{who: who, control: http.NewResponseController(w)}
	r = r.WithContext(context.WithValue(r.Context(), tusKey{}, call))
	if uploadID != "" {
		if err := s.tus.findUpload(w, r, uploadID); err != nil {
			return err
		}
	}
	size, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if uploadID == "" && err == nil && size > s.cfg.MaxFileSize {
		return tooLarge(s.cfg.MaxFileSize)
	}
	end, err := s.tus.checkSum(w, r)
	if err != nil {
		return err
	}
	defer end()
	r.Body = httpserver.ClockBody(r.Body, s.cfg.Idle)
	h := s.tus.library.Middleware(s.tus.handler(r.Method))
	http.StripPrefix(strings.TrimSuffix(s.cfg.TusPath, "/"), h).ServeHTTP(tusAnswer{w}, r)
	return nil
}

// handler returns the library's handler of a method.
func (t *tusServer) handler(method string) http.HandlerFunc {
	switch method {
	case http.MethodPost:
		return t.library.PostFile
	case http.MethodHead:
		return t.library.HeadFile
	case http.MethodPatch:
		return t.library.PatchFile
	case http.MethodDelete:
		return t.library.DelFile
	}
	return http.NotFound // the library's middleware answers OPTIONS
}

// findUpload looks for the upload that a request is about. One that is there whole
// and is no job yet, because a process died in between or could not make it one,
// becomes a job; the answer says which it is.
func (t *tusServer) findUpload(w http.ResponseWriter, r *http.Request, id string) error {
	p, err := t.s.partials.load(r.Context(), callOf(r.Context()).who.ID, id)
	if errors.Is(err, events.ErrNotFound) {
		return noUpload()
	}
	if err == nil && p.complete() && !p.Partial && r.Method != http.MethodDelete {
		err = t.finish(r.Context(), p)
	}
	if err != nil {
		return err
	}
	for name, value := range p.header() {
		w.Header().Set(name, value)
	}
	return nil
}

// header returns what the headers of an answer tell of an upload.
func (p *partial) header() tusd.HTTPHeader {
	if p.Job == "" {
		return tusd.HTTPHeader{headerExpires: expiryOf(p.begun)}
	}
	h := tusd.HTTPHeader{headerJob: p.Job}
	if p.Offered != "" {
		h[headerOffered] = url.PathEscape(p.Offered)
	}
	return h
}

// checkNewUpload refuses an upload before any of it is sent.
func (t *tusServer) checkNewUpload(
	hook tusd.HookEvent,
) (resp tusd.HTTPResponse, change tusd.FileInfoChanges, err error) {
	if err := t.mayBegin(hook); err != nil {
		return resp, change, t.refuse(hook.Context, err)
	}
	change.MetaData = tusd.MetaData{}
	for _, name := range append([]string{"filename"}, options...) {
		if value, given := hook.Upload.MetaData[name]; given {
			change.MetaData[name] = value
		}
	}
	resp.Header = tusd.HTTPHeader{headerExpires: expiryOf(time.Now())} // as the stream does, by the clock
	return resp, change, nil
}

// options are the names in Upload-Metadata that say what is wanted.
var options = []string{optionIEC, optionDryRun, optionMode, optionAllowClear, optionFollows, optionMapping}

func (t *tusServer) mayBegin(hook tusd.HookEvent) error {
	f := &form{}
	for _, name := range options {
		if value, given := hook.Upload.MetaData[name]; given {
			if err := f.setOption(name, value); err != nil {
				return err
			}
		}
	}
	if hook.Upload.Size == 0 && !hook.Upload.IsPartial {
		return emptyFile()
	}
	who := callOf(hook.Context).who
	ctx, cancel := context.WithTimeout(context.WithoutCancel(hook.Context), limitTime)
	defer cancel()
	if err := f.authorize(ctx, t.s.cfg.Log, who); err != nil {
		return err
	}
	parts := hook.Upload.PartialUploads
	if known, err := t.checkParts(ctx, who.ID, parts); err != nil || known {
		return err
	}
	if err := t.s.checkUsage(ctx, who.User, hook.Upload.Size); err != nil {
		return err
	}
	n, err := t.s.partials.countUnfinished(ctx, who.ID)
	if err != nil {
		return err
	}
	if n-len(parts) >= maxUnfinished { // what is made of parts holds no bytes beside them
		return tooMany("transfers", maxUnfinished, jobsRetry,
			"Many of your files have not arrived whole. Please go on with those first, or delete them.")
	}
	return nil
}

// checkParts refuses parts that make no file. Known says that a file was made of them
// already.
func (t *tusServer) checkParts(ctx context.Context, user string, parts []string) (known bool, err error) {
	if parts == nil {
		return false, nil
	}
	if len(parts) > maxUnfinished || len(slices.Compact(slices.Sorted(slices.Values(parts)))) < len(parts) {
		return false, refusal.New(refusal.CodeBadRequest, "A file is made of its parts, each of them once.")
	}
	_, err = t.s.partials.load(ctx, user, idOfParts(parts))
	if err == nil || !errors.Is(err, events.ErrNotFound) {
		return err == nil, err
	}
	for _, id := range parts {
		switch part, err := t.s.partials.load(ctx, user, id); {
		case errors.Is(err, events.ErrNotFound), err == nil && part.Job != "":
			return false, noUpload()
		case err != nil:
			return false, err
		case !part.Partial:
			return false, refusal.New(refusal.CodeBadRequest, "A file is made of uploads that began as its parts.")
		}
	}
	return false, nil
}

func noUpload() *refusal.Error { return refusal.New(refusal.CodeNotFound, "There is no such upload.") }

// expiryOf is when an upload is forgotten, as HTTP writes times.
func expiryOf(begun time.Time) string {
	return begun.Add(events.PartialTTL).UTC().Format(http.TimeFormat)
}

// finishUpload makes a job of a file whose last byte has come.
func (t *tusServer) finishUpload(hook tusd.HookEvent) (tusd.HTTPResponse, error) {
	ctx := context.WithoutCancel(hook.Context)
	p, err := t.s.partials.load(ctx, callOf(ctx).who.ID, hook.Upload.ID)
	if err == nil {
		err = t.finish(ctx, p)
	}
	if err != nil {
		return tusd.HTTPResponse{}, t.refuse(ctx, err)
	}
	return tusd.HTTPResponse{Header: p.header()}, nil
}

// finish makes a job of an upload that is there whole, once: the upload's id is the
// key of its idempotency. A file that is refused is forgotten.
func (t *tusServer) finish(ctx context.Context, p *partial) (err error) {
	if p.Job != "" || p.Partial {
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
	f := &form{key: p.ID, name: cleanFileName(p.Meta["filename"])}
	defer func() { err = errors.Join(err, f.close()) }()
	for name, value := range p.Meta {
		if err := f.setOption(name, value); err != nil {
			return err
		}
	}
	if err := f.authorize(ctx, t.s.cfg.Log, call.who); err != nil {
		return err
	}
	err = t.s.spool(f, func(w io.Writer) (int64, error) { return t.s.partials.copyTo(ctx, w, p) })
	var job *events.Job
	if err == nil {
		job, _, err = t.s.admit(ctx, call.who.User, f)
	}
	if err == nil {
		p.Offered = t.offer(ctx, call.who.User, f)
		err = t.s.partials.finish(ctx, p, job.ID)
	}
	if errors.Is(err, errOvertaken) { // by a request that finishes it as well
		now, lerr := t.s.partials.load(ctx, call.who.ID, p.ID)
		if lerr == nil && now.Job != "" {
			p.Job, p.Offered = now.Job, now.Offered
			return nil
		}
		if p.Parts != nil {
			err = noUpload() // its parts were deleted, or are over
		}
	}
	if err != nil && isFinal(refusal.From(err)) {
		return errors.Join(err, t.s.partials.remove(ctx, p))
	}
	return err
}

// offer returns the name of the mapping of the user that fits a file, which was sent
// without one; "" for none.
func (t *tusServer) offer(ctx context.Context, user events.User, f *form) string {
	if len(f.mapping) > 0 {
		return ""
	}
	if offered := t.s.OfferMapping(ctx, user, f.header); offered != nil {
		return offered.Name
	}
	return ""
}

// isFinal says whether a file that was refused would be refused again.
func isFinal(r *refusal.Error) bool {
	return r.Status() < http.StatusInternalServerError && r.Code != refusal.CodeTooManyUploads
}

// refuse returns an error as the library sends it: in the envelope of all refusals.
func (t *tusServer) refuse(ctx context.Context, err error) error {
	r := refusal.From(err)
	if r.Status() >= http.StatusInternalServerError {
		t.s.cfg.Logger.ErrorContext(ctx, "request failed", "code", r.Code, "err", err)
	}
	body, err := r.Body(t.s.cfg.Now())
	if err != nil {
		return err
	}
	header := tusd.HTTPHeader{}
	r.Header(func(name, value string) { header[name] = value })
	return tusd.Error{ErrorCode: r.Code, Message: r.Message,
		HTTPResponse: tusd.HTTPResponse{StatusCode: r.Status(), Body: string(body), Header: header}}
}

// tusAnswer takes the host out of Location, since a proxy in front has another and maybe
// another scheme. It adds the extension expiration, and takes the expiry out of answers
// about an upload that is a job.
type tusAnswer struct{ http.ResponseWriter }

func (w tusAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w tusAnswer) WriteHeader(status int) {
	h := w.Header()
	if known := h.Get(headerExtension); known != "" {
		h.Set(headerExtension, known+",expiration,checksum")
		h.Set("Tus-Checksum-Algorithm", strings.Join(slices.Sorted(maps.Keys(checksums)), ","))
	}
	if h.Get(headerJob) != "" || status >= http.StatusBadRequest {
		h.Del(headerExpires)
	}
	if u, err := url.Parse(h.Get("Location")); err == nil && u.Path != "" {
		h.Set("Location", u.Path)
	}
	if list, made := strings.CutPrefix(h.Get(headerConcat), "final;"); made {
		parts := strings.Fields(list)
		for i, part := range parts {
			if u, err := url.Parse(part); err == nil {
				parts[i] = u.Path
			}
		}
		h.Set(headerConcat, "final;"+strings.Join(parts, " "))
	}
	w.ResponseWriter.WriteHeader(status)
}
