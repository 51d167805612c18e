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

	"rollcall.example/events/eventstest"
)

// receiver is an integrator's server that gets the ends of jobs.
type receiver struct {
	*httptest.Server
	mu sync.Mutex
	// deliveries counts deliveries by job. ids are the webhook-ids, which repeated
	// deliveries share.
	deliveries map[string]int
	ids        map[string]bool
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{deliveries: map[string]int{}, ids: map[string]bool{}}
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
	r.deliveries[event.Data.JobID]++
	r.ids[req.Header.Get("webhook-id")] = true
}

// check waits until the end of each job was delivered, and checks that repeated
// deliveries have the same id. A job that was retried has several ends. It returns the
// number of repeated deliveries.
func (r *receiver) check(t *testing.T, jobs []*job, retries int) (repeated int) {
	t.Helper()
	eventstest.WaitFor(t, 3*time.Minute, "each job's end to be delivered", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, j := range jobs {
			if r.deliveries[j.id] == 0 {
				return false
			}
		}
		return len(r.ids) >= len(jobs)+retries
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	all := 0
	for _, n := range r.deliveries {
		all += n
	}
	if len(r.ids) != len(jobs)+retries {
		t.Errorf("%d ends were delivered, for %d jobs and %d retries", len(r.ids), len(jobs), retries)
	}
	return all - len(r.ids)
}

// registerWebhook registers a server for the ends of a user's jobs.
func (u *user) registerWebhook(ctx context.Context, url string) error {
	body := fmt.Appendf(nil, `{"url": %q, "events": ["reported", "failed"]}`, url)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.servers[0]+"/api/v1/bulk-upload/webhooks",
		bytes.NewReader(body))
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
