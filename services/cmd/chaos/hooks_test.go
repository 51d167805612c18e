package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// receiver is an integrator's server, which wants to hear how jobs end.
type receiver struct {
	*httptest.Server
	mu sync.Mutex
	// heard counts deliveries by job, ids tells those that came again.
	heard map[string]int
	ids   map[string]bool
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{heard: map[string]int{}, ids: map[string]bool{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var event struct {
		Data struct {
			JobID string `json:"job_id"`
		} `json:"data"`
	}
	if err := json.NewDecoder(req.Body).Decode(&event); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard[event.Data.JobID]++
	r.ids[req.Header.Get("webhook-id")] = true
}

// check waits until the end of each job was told, and holds that a delivery that
// came twice has the same id. Jobs that were retried have had several ends.
func (r *receiver) check(t *testing.T, jobs []*job, retries int) (twice int) {
	t.Helper()
	wait(t, "each job's end to be told", 3*time.Minute, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, j := range jobs {
			if r.heard[j.id] == 0 {
				return false
			}
		}
		return len(r.ids) >= len(jobs)+retries
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	all := 0
	for _, n := range r.heard {
		all += n
	}
	if len(r.ids) != len(jobs)+retries {
		t.Errorf("%d ends were told of %d jobs and %d retries", len(r.ids), len(jobs), retries)
	}
	return all - len(r.ids)
}

// hook has the ends of a user's jobs told to a server.
func (u *user) hook(ctx context.Context, url string) error {
	body := fmt.Appendf(nil, `{"url": %q, "events": ["reported", "failed"]}`, url)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.servers[0]+"/api/v1/bulk-upload/webhooks", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("register webhook: %s", resp.Status)
	}
	return nil
}
