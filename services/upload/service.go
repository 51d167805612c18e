package upload

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	tusd "github.com/tus/tusd/v2/pkg/handler"

	"rollcall.example/events"
)

// Base is the path that all endpoints stand under.
const Base = "/api/v1/bulk-upload"

// Principal is who makes a request.
type Principal struct {
	events.User
	// Admin may see and steer the jobs of all users; others only their own.
	Admin bool
}

// Unauthenticated is why a request is nobody's. It never holds the token.
type Unauthenticated struct {
	// Reason is stable: token_missing, token_expired or token_invalid.
	Reason string
	// Message is a sentence for the user.
	Message string
}

func (e *Unauthenticated) Error() string { return "unauthenticated: " + e.Reason }

// Config is what the service needs. All fields without a stated zero are required.
type Config struct {
	Log   *events.Log
	Store *events.Store
	// DB has the tables jobs, webhooks and webhook_deliveries.
	DB *sqlx.DB
	// Authenticate tells who makes a request. The error is an *Unauthenticated;
	// any other means that it could not be found out.
	Authenticate func(*http.Request) (Principal, error)
	// MaxFileSize is the largest file taken, in bytes; 0 means 50 MiB.
	MaxFileSize int64
	// MaxUploads is how many received files are checked and stored at once; 0
	// means 2. Each needs several times the file's unpacked size in memory, and
	// many at once overflow the queue of the object store.
	MaxUploads int
	// MaxWait is how long a received file waits for its turn before the client
	// is told to come back; 0 means 30 s.
	MaxWait time.Duration
	// Idle is how long a client may take for each 64 KiB of a file; 0 means a
	// minute.
	Idle time.Duration
	// UserUploads is how many files a user may upload within an hour, and
	// UserJobs how many jobs they may have that have not ended: of all replicas
	// together, while the database can tell. 0 means 200 and 100.
	UserUploads, UserJobs int
	// UserTransfers is how many files a user may be sending to this process; 0
	// means 8.
	UserTransfers int
	// PrivateWebhooks says that webhooks may be at private addresses, and without TLS.
	PrivateWebhooks bool
	// TrustedProxies are those whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Quota reads the allowance of IEC calls.
	Quota func(context.Context) (events.Quota, error)
	// Now is the clock of the answers; nil means time.Now.
	Now func() time.Time
	// Logger hears of jobs by job and user id, and of failures; nil discards.
	Logger *slog.Logger
}

const (
	defaultMaxFileSize = 50 << 20
	defaultMaxUploads  = 2
	defaultMaxWait     = 30 * time.Second
	defaultIdle        = time.Minute
	defaultUploads     = 200
	defaultJobs        = 100
	defaultTransfers   = 8
	// maxBody bounds the bodies that nobody reads, in bytes.
	maxBody = 64 << 10
)

// Service is the REST API and the projection behind it.
type Service struct {
	cfg   Config
	slots chan struct{}

	mu        sync.Mutex
	transfers map[string]int // files on their way, by user

	partials  partials
	resumable *tusd.UnroutedHandler
}

// New returns the service; it does nothing until its handler is called or Run is.
func New(cfg Config) *Service {
	cfg.MaxFileSize = cmp.Or(cfg.MaxFileSize, defaultMaxFileSize)
	cfg.MaxUploads = cmp.Or(cfg.MaxUploads, defaultMaxUploads)
	cfg.MaxWait = cmp.Or(cfg.MaxWait, defaultMaxWait)
	cfg.Idle = cmp.Or(cfg.Idle, defaultIdle)
	cfg.UserUploads = cmp.Or(cfg.UserUploads, defaultUploads)
	cfg.UserJobs = cmp.Or(cfg.UserJobs, defaultJobs)
	cfg.UserTransfers = cmp.Or(cfg.UserTransfers, defaultTransfers)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger).With("stage", string(events.StageUpload))
	verify := cfg.Authenticate
	cfg.Authenticate = func(r *http.Request) (Principal, error) {
		who, err := verify(r)
		if err == nil && who.ID == "" {
			// Nobody in particular would be the owner of nothing, or of everything.
			err = &Unauthenticated{Reason: "token_invalid", Message: "The token is not valid. Please sign in again."}
		}
		return who, err
	}
	s := &Service{cfg: cfg, slots: make(chan struct{}, cfg.MaxUploads), transfers: map[string]int{}}
	if cfg.Log != nil {
		s.partials.js = cfg.Log.JetStream()
	}
	s.resumable = s.newTus()
	return s
}

// routes are the operations, by their patterns below Base.
func (s *Service) routes() map[string]handler {
	return map[string]handler{
		"POST /process":              s.process,
		"POST /tus":                  s.tus(func(t *tusd.UnroutedHandler) http.HandlerFunc { return t.PostFile }),
		"HEAD /tus/{uploadId}":       s.tus(func(t *tusd.UnroutedHandler) http.HandlerFunc { return t.HeadFile }),
		"PATCH /tus/{uploadId}":      s.tus(func(t *tusd.UnroutedHandler) http.HandlerFunc { return t.PatchFile }),
		"DELETE /tus/{uploadId}":     s.tus(func(t *tusd.UnroutedHandler) http.HandlerFunc { return t.DelFile }),
		"OPTIONS /tus":               s.tus(func(t *tusd.UnroutedHandler) http.HandlerFunc { return http.NotFound }), // its middleware answers
		"GET /status/{jobId}":        s.status,
		"GET /report/{jobId}":        s.report,
		"GET /jobs/{jobId}/rows/{n}": s.row,
		"GET /history":               s.history,
		"POST /cancel/{jobId}":       s.cancel,
		"POST /retry/{jobId}":        s.retry,
		"POST /undo/{jobId}":         s.undo,
		"GET /stats":                 s.stats,
		"GET /rate-limit-status":     s.rateLimit,
		"GET /template":              s.template,

		"POST /webhooks":                       s.addWebhook,
		"GET /webhooks":                        s.listWebhooks,
		"DELETE /webhooks/{webhookId}":         s.removeWebhook,
		"GET /webhooks/{webhookId}/deliveries": s.deliveries,
	}
}

// Handler serves everything under Base.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range s.routes() {
		method, path := cut(pattern)
		mux.Handle(method+" "+Base+path, s.handle(h))
	}
	return s.guard(s.fallback(mux))
}

// guard sets what each answer carries, bounds the bodies that nobody reads, and
// keeps what a panic says out of the log: a parser's may quote a cell.
func (s *Service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				s.cfg.Logger.ErrorContext(r.Context(), "panic", "method", r.Method, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
				panic(http.ErrAbortHandler)
			}
		}()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		switch {
		case r.URL.Path == Base+"/process": // bounds it itself
		case r.URL.Path+"/" == tusPath, strings.HasPrefix(r.URL.Path, tusPath):
			r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxFileSize)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}
