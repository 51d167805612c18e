// Package sim is a simulator of the IEC's API, with the same contract over real
// HTTP: POST /token and GET /api/Voters/IDNumber/{id}. What it says of a person
// depends on the ID number alone, unless an answer is fixed.
//
// Its own paths need no token; do not put it where strangers are:
//
//	GET  /sim/stats       Stats
//	GET  /sim/calls/{id}  {"calls": n} of one person
//	GET  /sim/config      Faults
//	POST /sim/config      Faults; fields left out stay as they are
package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Faults are what goes wrong, and how slowly it goes. They can be changed while
// the simulator runs.
type Faults struct {
	// LatencyMS is the mean time before an answer in milliseconds, JitterMS how
	// far a single one is off, evenly spread. 0 is none.
	LatencyMS int `json:"latency_ms"`
	JitterMS  int `json:"jitter_ms"`
	// TailMS is the latency of the slowest hundredth of the calls, in
	// milliseconds; 0 means that they are like the others.
	TailMS int `json:"tail_ms"`
	// Errors, HTML, Malformed, Resets and Timeouts are the shares, 0 to 1 and
	// together at most 1, of calls that end with a 500, a page instead of JSON,
	// JSON that is cut off, about somebody else or of other types, a broken
	// connection, or no answer for a minute. Which calls those are depends on
	// the seed, the ID number and how often that was asked about before.
	Errors    float64 `json:"errors"`
	HTML      float64 `json:"html"`
	Malformed float64 `json:"malformed"`
	Resets    float64 `json:"resets"`
	Timeouts  float64 `json:"timeouts"`
	// Down answers everything with 503, and RetryAfter, in seconds, as
	// Retry-After; 0 sends none.
	Down       bool `json:"down"`
	RetryAfter int  `json:"retry_after"`
	// Quota is the calls allowed in any rolling window; 0 means no limit. A call
	// beyond it gets 429 with Retry-After and does not count against it.
	Quota int `json:"quota"`
}

func (f Faults) check() error {
	sum := 0.0
	for _, share := range []float64{f.Errors, f.HTML, f.Malformed, f.Resets, f.Timeouts} {
		if !(share >= 0 && share <= 1) { // not a number, too
			return fmt.Errorf("share %g: must be 0 to 1", share)
		}
		sum += share
	}
	if sum > 1+1e-9 {
		return errors.New("shares: together more than 1")
	}
	if f.LatencyMS < 0 || f.JitterMS < 0 || f.TailMS < 0 || f.RetryAfter < 0 || f.Quota < 0 {
		return errors.New("latency, jitter, tail, retry after and quota must not be negative")
	}
	return nil
}

// Config says how the simulator behaves. The zero value answers everybody at
// once, without limit and without failures.
type Config struct {
	// Username and Password are what POST /token wants; an empty one accepts any.
	Username, Password string
	// TokenTTL is how long a token is good for; 0 means an hour. At least a second.
	TokenTTL time.Duration
	// Window is the rolling time that Faults.Quota is for; 0 means an hour.
	Window time.Duration
	// Seed chooses the failures.
	Seed uint64
	// Faults are those to begin with.
	Faults Faults
	// Answers fixes what is said of some people, by ID number; see ReadAnswers.
	Answers map[string]Person
	// Now is the clock of tokens and quota; nil means time.Now.
	Now func() time.Time
}

// Stats counts what happened since the start.
type Stats struct {
	// Calls is the calls about people with a valid token and within the quota;
	// IDs the people they were about; MaxCalls the most that one of them had.
	Calls    int `json:"calls"`
	IDs      int `json:"ids"`
	MaxCalls int `json:"max_calls_per_id"`
	// Tokens is the tokens handed out.
	Tokens int `json:"tokens"`
	// Statuses counts answers by HTTP status, refused calls too.
	Statuses map[int]int `json:"statuses"`
}

// Simulator is the API as an http.Handler.
type Simulator struct {
	mux *http.ServeMux
	cfg Config

	mu       sync.Mutex
	faults   Faults
	tokens   map[string]time.Time // until when each is good
	issued   int
	window   []time.Time // calls of the last window, oldest first
	calls    map[string]int
	statuses map[int]int
}

// New returns a simulator. Impossible values in cfg are an error.
func New(cfg Config) (*Simulator, error) {
	if cfg.TokenTTL == 0 {
		cfg.TokenTTL = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Window == 0 {
		cfg.Window = time.Hour
	}
	if cfg.TokenTTL < time.Second || cfg.Window < 0 {
		return nil, fmt.Errorf("iec simulator: token ttl %s must be a second at least, window %s positive", cfg.TokenTTL, cfg.Window)
	}
	if err := cfg.Faults.check(); err != nil {
		return nil, fmt.Errorf("iec simulator: %w", err)
	}
	s := &Simulator{
		mux: http.NewServeMux(), cfg: cfg, faults: cfg.Faults,
		tokens: map[string]time.Time{}, calls: map[string]int{}, statuses: map[int]int{},
	}
	s.mux.HandleFunc("POST /token", s.token)
	s.mux.HandleFunc("GET /api/Voters/IDNumber/{id}", s.voter)
	s.mux.HandleFunc("GET /sim/stats", func(w http.ResponseWriter, _ *http.Request) { s.json(w, s.Stats()) })
	s.mux.HandleFunc("GET /sim/calls/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.json(w, map[string]int{"calls": s.Calls(r.PathValue("id"))})
	})
	s.mux.HandleFunc("GET /sim/config", func(w http.ResponseWriter, _ *http.Request) { s.json(w, s.current()) })
	s.mux.HandleFunc("POST /sim/config", s.change)
	return s, nil
}

func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Calls tells how often a person was asked about.
func (s *Simulator) Calls(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

// Stats tells the totals.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{IDs: len(s.calls), Tokens: s.issued, Statuses: maps.Clone(s.statuses)}
	for _, n := range s.calls {
		st.Calls += n
		st.MaxCalls = max(st.MaxCalls, n)
	}
	return st
}

// SetFaults changes what goes wrong from the next call on.
func (s *Simulator) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("iec simulator: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	return nil
}

// RevokeTokens makes every token invalid that was handed out.
func (s *Simulator) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *Simulator) current() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func (s *Simulator) change(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<16)); err != nil {
		http.Error(w, "body cannot be read", http.StatusBadRequest)
		return
	}
	f := s.current() // decoded onto what is there: fields left out stay
	d := json.NewDecoder(&body)
	d.DisallowUnknownFields()
	err := d.Decode(&f)
	if err == nil {
		err = s.SetFaults(f)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.json(w, f)
}

// withinQuota takes one call from the quota, or says how long there is none. It
// is called with s.mu held.
func (s *Simulator) withinQuota() (wait time.Duration, ok bool) {
	if s.faults.Quota == 0 {
		return 0, true
	}
	now := s.cfg.Now()
	for len(s.window) > 0 && now.Sub(s.window[0]) >= s.cfg.Window {
		s.window = s.window[1:]
	}
	if len(s.window) >= s.faults.Quota {
		return s.window[0].Add(s.cfg.Window).Sub(now), false
	}
	s.window = append(s.window, now)
	return 0, true
}

// seconds is d as Retry-After has it: whole ones, at least one.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(int((d+time.Second-1)/time.Second), 1))
}

// json answers with v. The status is 200 unless it was written before.
func (s *Simulator) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
