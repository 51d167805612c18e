// Package upload is rollcall's REST API: it takes uploads and puts them into
// the log as jobs, answers what became of them, and passes on what people ask
// of a job: to cancel it or to try again.
package upload

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/services/workbook"
)

// Base is the path below which the API lives.
const Base = "/api/v1/bulk-upload"

// Principal is who makes a request.
type Principal struct {
	events.User
	// Admin may see and steer the jobs of all users.
	Admin bool
}

// Unauthenticated is why a request has no Principal.
type Unauthenticated struct {
	// Reason is a stable code, such as token_expired.
	Reason string
	// Message is a sentence for the user.
	Message string
}

func (e *Unauthenticated) Error() string { return e.Reason }

// Config is what the service works with.
type Config struct {
	// Log, as the stage upload writes it, and the store of the same user. Required.
	Log   *events.Log
	Store *events.Store
	// DB holds the table jobs. Required.
	DB *sqlx.DB
	// Authenticate tells who makes a request, or an *Unauthenticated. Required.
	Authenticate func(*http.Request) (Principal, error)
	// Quota tells how much of the IEC's is spent. Required.
	Quota func(context.Context) (events.Quota, error)
	// MaxFileSize is the largest upload in bytes; 0 means 50 MiB.
	MaxFileSize int64
	// Limits bounds what an upload may unpack to; its zero value has defaults.
	Limits workbook.Limits
	// Transfers is how many uploads are checked and stored at once, the others
	// wait; 0 means 2. Each holds a workbook's beginning in memory, and more at
	// once would only fill the stream's queue.
	Transfers int
	// Logger must be set.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service is the API and the projection of the table jobs.
type Service struct {
	cfg       Config
	transfers chan struct{}
}

// New returns the service.
func New(cfg Config) *Service {
	if cfg.MaxFileSize == 0 {
		cfg.MaxFileSize = 50 << 20
	}
	if cfg.Transfers == 0 {
		cfg.Transfers = 2
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, transfers: make(chan struct{}, cfg.Transfers)}
}

// Handler serves everything below Base. The server around it must bound the
// time for the headers of a request.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /process":          s.process,
		"GET /status/{job}":      s.status,
		"GET /report/{job}":      s.report,
		"GET /history":           s.history,
		"POST /cancel/{job}":     s.cancel,
		"POST /retry/{job}":      s.retry,
		"GET /stats":             s.stats,
		"GET /rate-limit-status": s.rateLimit,
		"GET /template":          s.template,
	} {
		method, path := cut(pattern)
		mux.Handle(method+" "+Base+path, s.handle(h))
	}
	return s.fallback(mux)
}
