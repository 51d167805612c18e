package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"rollcall.example/events"
)

// Webhooks are the webhooks of the user of a Client.
type Webhooks struct{ c *Client }

// WebhooksOf returns the webhooks of the user of a client.
func WebhooksOf(c *Client) Webhooks { return Webhooks{c} }

// Webhook is a server that the events of jobs are posted to.
type Webhook struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	// JobID is the one job whose events are posted; "" means all jobs of the user.
	JobID          string        `json:"job_id"`
	Events         []events.Kind `json:"events"`
	Failures       int           `json:"failures"` // in a row
	FailingSince   time.Time     `json:"failing_since"`
	DisabledAt     time.Time     `json:"disabled_at"` // zero unless disabled
	DisabledReason string        `json:"disabled_reason"`
	OldSecretUntil time.Time     `json:"old_secret_until"`
	// Secret is there after Add and Rotate only.
	Secret string `json:"secret"`
}

// WebhookDelivery is one event for one webhook, or a test, which has no JobID.
type WebhookDelivery struct {
	JobID     string      `json:"job_id"`
	Event     events.Kind `json:"event"`
	State     string      `json:"state"` // pending, delivered or failed
	Attempts  int         `json:"attempts"`
	Status    int         `json:"status"` // of HTTP; 0 without an answer
	Error     string      `json:"error"`
	CreatedAt time.Time   `json:"created_at"`
}

// Add registers a server for the events of kinds, of one job or, with "", of all
// jobs of the user. nil means reported, failed and paused.
func (w Webhooks) Add(ctx context.Context, to, jobID string, kinds []events.Kind) (hook Webhook, err error) {
	body, err := json.Marshal(struct {
		URL    string        `json:"url"`
		JobID  string        `json:"job_id,omitempty"`
		Events []events.Kind `json:"events,omitempty"`
	}{to, jobID, kinds})
	if err != nil {
		return Webhook{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	err = w.c.call(ctx, http.MethodPost, "/webhooks", bytes.NewReader(body), header, &hook)
	return hook, err
}

// List returns the webhooks of the user, oldest first.
func (w Webhooks) List(ctx context.Context) ([]Webhook, error) {
	var list struct {
		Webhooks []Webhook `json:"webhooks"`
	}
	err := w.c.Call(ctx, http.MethodGet, "/webhooks", &list)
	return list.Webhooks, err
}

// Rotate replaces the secret of a webhook. The old one signs too for a day.
func (w Webhooks) Rotate(ctx context.Context, id string) (hook Webhook, err error) {
	err = w.c.Call(ctx, http.MethodPost, "/webhooks/"+url.PathEscape(id)+"/rotate", &hook)
	return hook, err
}

// Test has a test posted. Deliveries says what became of it.
func (w Webhooks) Test(ctx context.Context, id string) (test WebhookDelivery, err error) {
	err = w.c.Call(ctx, http.MethodPost, "/webhooks/"+url.PathEscape(id)+"/test", &test)
	return test, err
}

// Deliveries returns the newest hundred deliveries of a webhook, newest first.
func (w Webhooks) Deliveries(ctx context.Context, id string) ([]WebhookDelivery, error) {
	var list struct {
		Deliveries []WebhookDelivery `json:"deliveries"`
	}
	err := w.c.Call(ctx, http.MethodGet, "/webhooks/"+url.PathEscape(id)+"/deliveries", &list)
	return list.Deliveries, err
}

// Remove deletes a webhook with its deliveries.
func (w Webhooks) Remove(ctx context.Context, id string) error {
	return w.c.Call(ctx, http.MethodDelete, "/webhooks/"+url.PathEscape(id), nil)
}
