package security

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"rollcall.example/events"
)

const (
	// DefaultLines and DefaultAddressLines bound the log to some 70 MB a day.
	DefaultLines        = 120
	DefaultAddressLines = 20
	// refusalWindow and readWindow are for how long, at least, a refusal and a reading
	// count for who has the most.
	refusalWindow = 5 * time.Minute
	readWindow    = 30 * time.Minute
	// manyReads is how many readings of one user are worth a line in the log; so are
	// each twice as many.
	manyReads = 100
)

// Config says how a Watch works. The zero value of each field means its default.
type Config struct {
	// Logger gets the security log, each line with log=security; nil discards.
	Logger *slog.Logger
	// Lines are how many a minute there may be; 0 means DefaultLines.
	Lines int
	// AddressLines are how many of them one address may cause; 0 means
	// DefaultAddressLines.
	AddressLines int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Watch counts and logs. It is safe for concurrent use. A nil Watch does nothing.
type Watch struct {
	cfg Config
	log *slog.Logger

	mu         sync.Mutex
	refused    map[Face]map[Kind]uint64
	reads      map[events.AccessKind]uint64
	suppressed uint64 // lines that were not written, ever
	refusals   tally  // by address
	readers    tally  // by user

	minute  time.Time // the one that lines are counted in
	lines   int
	byLine  map[string]int // lines of an address
	missing int            // lines of this minute that were not written
}

// New returns a Watch.
func New(cfg Config) *Watch {
	if cfg.Lines == 0 {
		cfg.Lines = DefaultLines
	}
	if cfg.AddressLines == 0 {
		cfg.AddressLines = DefaultAddressLines
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Watch{
		cfg: cfg, log: events.Logger(cfg.Logger).With("log", "security"),
		refused: map[Face]map[Kind]uint64{}, reads: map[events.AccessKind]uint64{}, byLine: map[string]int{},
		refusals: tally{window: refusalWindow}, readers: tally{window: readWindow},
	}
	for _, f := range Faces {
		w.refused[f] = map[Kind]uint64{}
		for _, k := range Kinds {
			w.refused[f][k] = 0
		}
	}
	for _, k := range events.AccessKinds {
		w.reads[k] = 0
	}
	return w
}

// Refusal is a request that was refused.
type Refusal struct {
	Face Face
	Kind Kind
	// Code is that of the refusal, or says in one word what was refused.
	Code string
	// Route is the pattern of the path, or the event; never what the client sent.
	Route string
	// User is who asked; the zero User when nobody knows.
	User events.User
	// Address is where the request came from.
	Address string
	// JobID is the job that was asked for; "" for none. One that is no valid id is left
	// out of the log.
	JobID string
}

// Refused counts and logs a refusal. One without a Kind is nothing to it.
func (w *Watch) Refused(ctx context.Context, r Refusal) {
	if w == nil || r.Kind == "" {
		return
	}
	w.mu.Lock()
	now := w.cfg.Now()
	w.refused[r.Face][r.Kind]++
	w.refusals.add(now, neighbourhood(r.Address))
	missing, write := w.mayWrite(now, neighbourhood(r.Address))
	w.mu.Unlock()
	if missing > 0 {
		w.log.WarnContext(ctx, "refusals not logged", "event", "suppressed", "count", missing)
	}
	if !write {
		return
	}
	attrs := []any{"event", string(r.Kind), "face", string(r.Face), "code", r.Code, "route", r.Route,
		"user", r.User.ID, "role", r.User.Role, "from", r.Address}
	if events.ValidJobID(r.JobID) {
		attrs = append(attrs, "job", r.JobID)
	}
	level := slog.LevelInfo
	if r.Kind == KindForbidden || r.Kind == KindForeignJob {
		level = slog.LevelWarn // no client does this by itself
	}
	w.log.Log(ctx, level, "request refused", attrs...)
}

// Read counts that a user has read about people, and logs a user who does so often.
func (w *Watch) Read(ctx context.Context, a events.Access) {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.reads[a.What]++
	n := w.readers.add(w.cfg.Now(), a.By.ID)
	w.mu.Unlock()
	if n >= manyReads && n%manyReads == 0 && isPowerOfTwo(n/manyReads) {
		w.log.WarnContext(ctx, "somebody reads much", "event", "mass_reading", "user", a.By.ID, "role", a.By.Role,
			"from", a.From, "reads", n, "what", string(a.What))
	}
}

func isPowerOfTwo(n int) bool { return n&(n-1) == 0 }

// mayWrite says whether there is room for one more line, and how many lines of the
// minutes before were not written. The caller holds mu.
func (w *Watch) mayWrite(now time.Time, address string) (missing int, ok bool) {
	if minute := now.Truncate(time.Minute); !minute.Equal(w.minute) {
		missing = w.missing
		w.minute, w.lines, w.missing = minute, 0, 0
		clear(w.byLine)
	}
	if w.lines >= w.cfg.Lines || w.byLine[address] >= w.cfg.AddressLines {
		w.missing++
		w.suppressed++
		return missing, false
	}
	w.lines++
	w.byLine[address]++ // has at most Lines addresses
	return missing, true
}

// Stats are the figures of a Watch.
type Stats struct {
	// Refused counts refusals by face and kind.
	Refused map[Face]map[Kind]uint64
	// Reads counts readings about people by what was read.
	Reads map[events.AccessKind]uint64
	// Suppressed counts refusals that were not logged because there were too many.
	Suppressed uint64
}

// Stats returns the figures of this moment. Those of a nil Watch are zero.
func (w *Watch) Stats() Stats {
	if w == nil {
		return Stats{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	refused := make(map[Face]map[Kind]uint64, len(w.refused))
	for face, kinds := range w.refused {
		refused[face] = maps.Clone(kinds)
	}
	return Stats{Refused: refused, Reads: maps.Clone(w.reads), Suppressed: w.suppressed}
}

// MostRefusals returns how many refusals the address with the most has had in the last
// 5 to 10 minutes. The 64 bits of an IPv6 network are one address.
func (w *Watch) MostRefusals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refusals.most(w.cfg.Now())
}

// MostReads returns how often the user who reads most has read in the last 30 to 60
// minutes.
func (w *Watch) MostReads() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readers.most(w.cfg.Now())
}
