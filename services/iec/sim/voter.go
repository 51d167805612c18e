package sim

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"
)

// hangTime is how long a call hangs that gets no answer.
const hangTime = time.Minute

func (s *Simulator) issueToken(w http.ResponseWriter, r *http.Request) {
	if s.answerIfDown(w) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if r.FormValue("grant_type") != "password" ||
		(s.cfg.Username != "" && r.FormValue("username") != s.cfg.Username) ||
		(s.cfg.Password != "" && r.FormValue("password") != s.cfg.Password) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		s.writeJSON(w, map[string]string{"error": "invalid_grant"})
		return
	}
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	token := hex.EncodeToString(b)
	s.mu.Lock()
	s.tokens[token] = s.cfg.Now().Add(s.cfg.TokenTTL)
	s.issued++
	s.mu.Unlock()
	s.writeJSON(w, map[string]any{"access_token": token, "token_type": "bearer",
		"expires_in": int(s.cfg.TokenTTL / time.Second)})
}

// answerIfDown answers a call if the API is down.
func (s *Simulator) answerIfDown(w http.ResponseWriter) bool {
	s.mu.Lock()
	f := s.faults
	if f.Down {
		s.statuses[http.StatusServiceUnavailable]++
	}
	s.mu.Unlock()
	if !f.Down {
		return false
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(f.RetryAfter))
	}
	http.Error(w, "<html><body>Service Unavailable</body></html>", http.StatusServiceUnavailable)
	return true
}

func (s *Simulator) answerVoter(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.answerIfDown(w) {
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	until, known := s.tokens[token]
	if !known || !s.cfg.Now().Before(until) {
		delete(s.tokens, token)
		s.statuses[http.StatusUnauthorized]++
		s.mu.Unlock()
		http.Error(w, "Authorization has been denied for this request.", http.StatusUnauthorized)
		return
	}
	wait, ok := s.takeFromQuota()
	if !ok {
		s.statuses[http.StatusTooManyRequests]++
		s.mu.Unlock()
		w.Header().Set("Retry-After", formatSeconds(wait))
		http.Error(w, "quota exceeded", http.StatusTooManyRequests)
		return
	}
	s.calls[id]++
	attempt, faults := s.calls[id], s.faults
	s.mu.Unlock()

	if !s.sleep(r, drawLatency(faults, s.drawChance(id, attempt, "latency"))) {
		return
	}
	if len(id) != 13 || strings.Trim(id, "0123456789") != "" {
		s.countStatus(http.StatusBadRequest)
		http.Error(w, `{"Message":"The request is invalid."}`, http.StatusBadRequest)
		return
	}
	person, fixed := s.cfg.Answers[id]
	if !fixed {
		person = PersonOf(id)
	}
	chance := s.drawChance(id, attempt, "fault")
	if s.injectFault(w, r, faults, chance) {
		return
	}
	if chance > 1-faults.Malformed {
		s.countStatus(http.StatusOK)
		s.answerMalformed(w, id, person, (1-chance)/faults.Malformed)
		return
	}
	s.countStatus(http.StatusOK)
	if person.Malformed {
		s.answerMalformed(w, id, person, 0.5)
		return
	}
	s.writeJSON(w, person.body(id))
}

// answerMalformed answers with a body that breaks the contract: chance decides
// whether it is cut off, about somebody else, or of other types.
func (s *Simulator) answerMalformed(w http.ResponseWriter, id string, p Person, chance float64) {
	body := p.body(id)
	switch {
	case chance < 1./3:
		text, _ := json.Marshal(body) // of texts and numbers: it cannot fail
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(text[:len(text)/2]) // the client may be gone
		return
	case chance < 2./3:
		body["Id"] = json.Number("1234567890123")
	default:
		body["bRegistered"] = "perhaps"
	}
	s.writeJSON(w, body)
}

// countStatus counts an answer by its status.
func (s *Simulator) countStatus(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[status]++
}

// injectFault breaks the call if chance, from 0 to 1, hits one of the faults.
func (s *Simulator) injectFault(w http.ResponseWriter, r *http.Request, f Faults, chance float64) bool {
	switch {
	case chance < f.Errors:
		s.countStatus(http.StatusInternalServerError)
		http.Error(w, `{"Message":"An error has occurred."}`, http.StatusInternalServerError)
	case chance < f.Errors+f.HTML:
		s.countStatus(http.StatusOK)
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>Please sign in to the proxy</body></html>")) // the client may be gone
	case chance < f.Errors+f.HTML+f.Resets:
		panic(http.ErrAbortHandler) // the server's way to break a connection
	case chance < f.Errors+f.HTML+f.Resets+f.Timeouts:
		s.sleep(r, hangTime)
	default:
		return false
	}
	return true
}

// sleep waits for d. It returns false if the client leaves before that.
func (s *Simulator) sleep(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-t.C:
		return true
	}
}

func drawLatency(f Faults, chance float64) time.Duration {
	ms := float64(f.LatencyMS) + (2*chance-1)*float64(f.JitterMS)
	if f.TailMS > 0 && chance > 0.99 {
		ms = float64(f.TailMS)
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// drawChance returns a number from 0 to 1 that is the same in every run.
func (s *Simulator) drawChance(id string, attempt int, what string) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d %s", s.cfg.Seed, id, attempt, what)
	return float64(mixBits(h.Sum64())>>11) / (1 << 53)
}

// mixBits spreads a hash over all its bits (the finalizer of splitmix64).
func mixBits(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
