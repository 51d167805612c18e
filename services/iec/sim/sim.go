// Package sim simulates the IEC's API, with the same contract over real HTTP: POST
// /token and GET /api/Voters/IDNumber/{id}. What it says of a person depends on the
// ID number alone, unless an answer is fixed.
//
// Its own paths need no token; do not expose it to strangers:
//
//	GET  /sim/stats       Stats
//	GET  /sim/calls/{id}  {"calls": n} of one person
//	GET  /sim/config      Faults
//	POST /sim/config      Faults; fields left out keep their values
package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Faults say what goes wrong, and how slowly the API answers. They can change while
// the simulator runs.
type Faults struct {
	// LatencyMS is the mean time before an answer in milliseconds. Single answers
	// differ from it by up to JitterMS, evenly spread. 0 is none.
	LatencyMS int `json:"latency_ms"`
	JitterMS  int `json:"jitter_ms"`
	// TailMS is the latency of the slowest hundredth of the calls, in milliseconds;
	// 0 means that they are like the others.
	TailMS int `json:"tail_ms"`
	// Errors, HTML, Malformed, Resets and Timeouts are the shares of calls, 0 to 1
	// and together at most 1, that end with a 500; with a page instead of JSON;
	// with JSON that is cut off, about somebody else or of other types; with a
	// broken connection; or with no answer for a minute. The seed, the ID number
	// and how often it was asked about before decide which calls fail.
	Errors    float64 `json:"errors"`
	HTML      float64 `json:"html"`
	Malformed float64 `json:"malformed"`
	Resets    float64 `json:"resets"`
	Timeouts  float64 `json:"timeouts"`
	// Down answers every call with 503 and, unless it is 0, RetryAfter in seconds
	// as Retry-After.
	Down       bool `json:"down"`
	RetryAfter int  `json:"retry_after"`
	// Quota is how many calls any rolling window allows; 0 means no limit. A call
	// beyond it gets 429 with Retry-After and does not count.
	Quota int `json:"quota"`
}

func (f Faults) check() error {
	sum := 0.0
	for name, share := range map[string]float64{
		"errors": f.Errors, "html": f.HTML, "malformed": f.Malformed, "resets": f.Resets, "timeouts": f.Timeouts,
	} {
		if !(share >= 0 && share <= 1) { // refuses NaN, too
			return fmt.Errorf("%s must be 0 to 1, not %g", name, share)
		}
		sum += share
	}
	if sum > 1+1e-9 {
		return errors.New("errors, html, malformed, resets and timeouts must not add up to more than 1")
	}
	for name, n := range map[string]int{
		"latency_ms": f.LatencyMS, "jitter_ms": f.JitterMS, "tail_ms": f.TailMS, "retry_after": f.RetryAfter,
		"quota": f.Quota,
	} {
		if n < 0 {
			return fmt.Errorf("%s must be at least 0, not %d", name, n)
		}
	}
	return nil
}

// Config says how the simulator behaves. The zero value answers everybody at once,
// without limit and without failures.
type Config struct {
	// Username and Password are what POST /token demands; an empty one accepts
	// anything.
	Username, Password string
	// TokenTTL is how long a token is valid; 0 means an hour, and a second is the
	// minimum.
	TokenTTL time.Duration
	// Window is the rolling time that Faults.Quota applies to; 0 means an hour.
	Window time.Duration
	// Seed decides which calls fail.
	Seed uint64
	// Faults are the faults at the start.
	Faults Faults
	// Answers fixes the answers about some people, by ID number; see ReadAnswers.
	Answers map[string]Person
	// Now is the clock of tokens and quota; nil means time.Now.
	Now func() time.Time
}

// Stats counts what happened since the start.
type Stats struct {
	// Calls counts the calls with a valid token and within the quota, IDs the
	// people they were about, and MaxCalls the most calls about one of them.
	Calls    int `json:"calls"`
	IDs      int `json:"ids"`
	MaxCalls int `json:"max_calls_per_id"`
	// Tokens counts the tokens handed out.
	Tokens int `json:"tokens"`
	// Statuses counts answers by HTTP status, refused calls too.
	Statuses map[int]int `json:"statuses"`
}

// Simulator is the API as an http.Handler. It is safe for concurrent use.
type Simulator struct {
	mux *http.ServeMux
	cfg Config

	mu       sync.Mutex
	faults   Faults
	tokens   map[string]time.Time // until when each is valid
	issued   int
	window   []time.Time // times of the last window's calls, oldest first
	calls    map[string]int
	statuses map[int]int
}

// New returns a simulator. It refuses impossible settings.
func New(cfg Config) (*Simulator, error) {
	cfg.TokenTTL = cmp.Or(cfg.TokenTTL, time.Hour)
	cfg.Window = cmp.Or(cfg.Window, time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.TokenTTL < time.Second {
		return nil, fmt.Errorf("iec simulator: TokenTTL must be at least 1s, not %s", cfg.TokenTTL)
	}
	if cfg.Window < 0 {
		return nil, fmt.Errorf("iec simulator: Window must be positive, not %s", cfg.Window)
	}
	if err := cfg.Faults.check(); err != nil {
		return nil, fmt.Errorf("iec simulator: %w", err)
	}
	s := &Simulator{
		mux: http.NewServeMux(), cfg: cfg, faults: cfg.Faults,
		tokens: map[string]time.Time{}, calls: map[string]int{}, statuses: map[int]int{},
	}
	s.mux.HandleFunc("POST /token", s.issueToken)
	s.mux.HandleFunc("GET /api/Voters/IDNumber/{id}", s.answerVoter)
	s.mux.HandleFunc("GET /sim/stats", func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, s.Stats()) })
	s.mux.HandleFunc("GET /sim/calls/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.writeJSON(w, map[string]int{"calls": s.Calls(r.PathValue("id"))})
	})
	s.mux.HandleFunc("GET /sim/config", func(w http.ResponseWriter, _ *http.Request) {
		s.writeJSON(w, s.currentFaults())
	})
	s.mux.HandleFunc("POST /sim/config", s.changeFaults)
	return s, nil
}

func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Calls returns how often a person was asked about.
func (s *Simulator) Calls(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

// Stats returns the totals.
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

// SetFaults changes the faults from the next call on.
func (s *Simulator) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("iec simulator: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	return nil
}

// RevokeTokens revokes every token that was handed out.
func (s *Simulator) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *Simulator) currentFaults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func (s *Simulator) changeFaults(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<16)); err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	f := s.currentFaults() // fields that the body leaves out keep their values
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
	s.writeJSON(w, f)
}

// takeFromQuota takes a call from the quota, or returns how long there is none. The
// caller holds s.mu.
func (s *Simulator) takeFromQuota() (wait time.Duration, ok bool) {
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

// formatSeconds writes d for Retry-After: in whole seconds, at least one.
func formatSeconds(d time.Duration) string {
	return strconv.Itoa(max(int((d+time.Second-1)/time.Second), 1))
}

// writeJSON answers with v. The status is 200 unless it was written before.
func (s *Simulator) writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
