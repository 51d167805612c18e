package upload

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
)

// Config is what the service needs. All fields without a stated zero are required.
type Config struct {
	// Log takes the fact uploaded. Its connection also writes events.StreamPartial,
	// for files that come in parts.
	Log *events.Log
	// Store takes files in events.BucketUploads.
	Store *events.Store
	// Jobs is the table of jobs.
	Jobs Jobs
	// TusPath is the path that uploads in parts stand below, with a slash at its end.
	TusPath string
	// MaxFileSize is the largest file taken, in bytes; 0 means DefaultMaxFileSize.
	MaxFileSize int64
	// MaxUploads is how many received files are checked and stored at once; 0
	// means 2. Each may take 256 MB of memory to check, and many at once overflow
	// the queue of the object store. A user has no more than half of them.
	MaxUploads int
	// MaxWait is how long a received file waits for its turn before the client
	// is told to come back; 0 means 30 s.
	MaxWait time.Duration
	// Idle is how long a client may take for each 64 KiB of a file; 0 means a
	// minute.
	Idle time.Duration
	// UserUploads is how many files a user may upload within an hour, refused ones
	// included, and UserJobs how many jobs they may have that have not ended: of all replicas
	// together, while Jobs can tell. 0 means
	// DefaultUserUploads and DefaultUserJobs.
	UserUploads, UserJobs int
	// UserStorage is how many bytes may be kept of a user's jobs, with the file that
	// is being uploaded: of all replicas together, while Jobs can tell. 0 means any
	// number.
	UserStorage int64
	// UserTransfers is how many files a user may be sending to this process; 0
	// means DefaultUserTransfers.
	UserTransfers int
	// Wards returns the wards that are known to lie in an area, nil for none. They
	// become part of the fact. Nil knows none.
	Wards func(ctx context.Context, area events.Area) ([]string, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger gets jobs by job and user id, and failures; nil discards.
	Logger *slog.Logger
}

// Jobs is the table of jobs, as far as intake asks it. Intake goes on where it
// fails: nobody is refused because it cannot be asked.
type Jobs interface {
	// Usage returns how much a user has uploaded since a time.
	Usage(ctx context.Context, userID string, since time.Time) (events.Usage, error)
	// Claim is Usage for one upload of the user at a time, until release is called.
	Claim(ctx context.Context, userID string, since time.Time) (u events.Usage, release func(), err error)
	// FindSameFile returns the newest completed job of a user for a file of these
	// bytes, "" for none.
	FindSameFile(ctx context.Context, userID, sha256 string) (jobID string, err error)
	// TrySave makes lists show what was just appended to a job.
	TrySave(ctx context.Context, job *events.Job)
}

// What zero settings mean, and what the program's flags do.
const (
	DefaultMaxFileSize   = 50 << 20 // bytes
	DefaultUserUploads   = 200
	DefaultUserJobs      = 100
	DefaultUserTransfers = 8
	DefaultUserStorage   = 5 << 30 // bytes
)

const (
	defaultMaxUploads = 2
	defaultMaxWait    = 30 * time.Second
	defaultIdle       = time.Minute
)

// Service takes files in. What it refuses is a *refusal.Error; any other error
// is a fault on our side.
type Service struct {
	cfg   Config
	turns *turns // of files to be checked and stored

	mu        sync.Mutex
	transfers map[string]int // files on their way, by user

	partials partials
	offers   offers
	tus      *tusServer
}

// New returns the service.
func New(cfg Config) *Service {
	cfg.MaxFileSize = cmp.Or(cfg.MaxFileSize, DefaultMaxFileSize)
	cfg.MaxUploads = cmp.Or(cfg.MaxUploads, defaultMaxUploads)
	cfg.MaxWait = cmp.Or(cfg.MaxWait, defaultMaxWait)
	cfg.Idle = cmp.Or(cfg.Idle, defaultIdle)
	cfg.UserUploads = cmp.Or(cfg.UserUploads, DefaultUserUploads)
	cfg.UserJobs = cmp.Or(cfg.UserJobs, DefaultUserJobs)
	cfg.UserTransfers = cmp.Or(cfg.UserTransfers, DefaultUserTransfers)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger).With("stage", string(events.StageUpload))
	s := &Service{cfg: cfg, turns: newTurns(cfg.MaxUploads), transfers: map[string]int{}}
	if cfg.Log != nil {
		s.partials.js = cfg.Log.JetStream()
		s.offers = offers{mappings.NewStore(cfg.Log.JetStream(), cfg.Now), cfg.Logger}
	}
	s.tus = newTusServer(s)
	return s
}
