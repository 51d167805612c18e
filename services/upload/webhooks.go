package upload

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"rollcall.example/events"
)

const (
	// maxWebhooks is how many a user may have.
	maxWebhooks = 20
	maxURL      = 2000
	// maxDeliveries is how many of the newest are listed.
	maxDeliveries = 100
	secretBytes   = 32
)

// webhook is a registration, without its secret.
type webhook struct {
	ID             string         `db:"id" json:"id"`
	URL            string         `db:"url" json:"url"`
	JobID          *string        `db:"job_id" json:"job_id"`
	Kinds          pq.StringArray `db:"kinds" json:"events"`
	CreatedAt      time.Time      `db:"created_at" json:"created_at"`
	Failures       int            `db:"failures" json:"failures"`
	DisabledAt     *time.Time     `db:"disabled_at" json:"disabled_at"`
	DisabledReason *string        `db:"disabled_reason" json:"disabled_reason"`
}

const webhookColumns = "id, url, job_id, kinds, created_at, failures, disabled_at, disabled_reason"

// addWebhook registers a URL for the jobs of the person, or for one that the
// person may see. The secret is told once.
func (s *Service) addWebhook(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	var wanted struct {
		URL    string        `json:"url"`
		JobID  string        `json:"job_id"`
		Events []events.Kind `json:"events"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&wanted); err != nil {
		return nil, refuse("bad_request", "The body must be JSON with url, and where wanted job_id and events.")
	}
	if err := s.checkURL(wanted.URL); err != nil {
		return nil, err
	}
	if wanted.Events == nil {
		wanted.Events = events.WebhookKinds
	}
	slices.Sort(wanted.Events)
	wanted.Events = slices.Compact(wanted.Events)
	for _, kind := range wanted.Events {
		if !slices.Contains(events.WebhookKinds, kind) {
			return nil, refuse("bad_request", "The events that can be asked for are reported, failed and paused.")
		}
	}
	if len(wanted.Events) == 0 {
		return nil, refuse("bad_request", "Ask for one event at least: reported, failed or paused.")
	}
	hook := webhook{ID: "wh-" + uuid.Must(uuid.NewV7()).String(), URL: wanted.URL, CreatedAt: s.cfg.Now().UTC().Truncate(time.Microsecond)}
	for _, kind := range wanted.Events {
		hook.Kinds = append(hook.Kinds, string(kind))
	}
	if wanted.JobID != "" {
		if _, err := s.load(r.Context(), wanted.JobID, who); err != nil {
			return nil, err
		}
		hook.JobID = &wanted.JobID
	}
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
	if err := s.storeWebhook(r.Context(), who, hook, secret); err != nil {
		return nil, err
	}
	return &result{status: http.StatusCreated, message: "The webhook was registered. Keep the secret: it is not shown again.", data: struct {
		webhook
		Secret string `json:"secret"`
	}{hook, secret}}, nil
}

// checkURL refuses what can never be posted to. Where a name leads is looked at
// with each delivery.
func (s *Service) checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return refuse("bad_request", "url must be that of your server, without a user and a fragment.")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.cfg.PrivateWebhooks):
		return refuse("bad_request", "url must begin with https://.")
	}
	return nil
}

func (s *Service) storeWebhook(ctx context.Context, who Principal, hook webhook, secret string) error {
	done, err := s.cfg.DB.ExecContext(ctx, `INSERT INTO webhooks (id, owner_id, job_id, url, kinds, secret, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM webhooks WHERE owner_id = $2) < $8`,
		hook.ID, storable(who.ID), hook.JobID, hook.URL, hook.Kinds, secret, hook.CreatedAt, maxWebhooks)
	if err != nil {
		return fmt.Errorf("register webhook: %w", err)
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		return &problem{code: "too_many_webhooks", message: fmt.Sprintf("You have %d webhooks already. Delete one first.", maxWebhooks),
			details: map[string]any{"max": maxWebhooks}}
	}
	return err
}

func (s *Service) listWebhooks(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	hooks := []webhook{}
	err := s.cfg.DB.SelectContext(r.Context(), &hooks, `SELECT `+webhookColumns+` FROM webhooks WHERE owner_id = $1 ORDER BY id`, storable(who.ID))
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	for i := range hooks {
		hooks[i].CreatedAt = hooks[i].CreatedAt.UTC()
		utc(hooks[i].DisabledAt)
	}
	return &result{message: fmt.Sprintf("%d webhooks.", len(hooks)), data: map[string]any{"webhooks": hooks}}, nil
}

var errNoWebhook = refuse("not_found", "There is no such webhook.")

func (s *Service) removeWebhook(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	id := r.PathValue("webhookId")
	done, err := s.cfg.DB.ExecContext(r.Context(), `DELETE FROM webhooks WHERE id = $1 AND owner_id = $2`, storable(id), storable(who.ID))
	if err != nil {
		return nil, fmt.Errorf("delete webhook: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil {
		return nil, fmt.Errorf("delete webhook: %w", err)
	} else if n == 0 {
		return nil, errNoWebhook
	}
	return &result{message: "The webhook was deleted.", data: map[string]any{"id": id}}, nil
}

// delivery is one event for one webhook, as its last attempt left it.
type delivery struct {
	JobID     string      `db:"job_id" json:"job_id"`
	Kind      events.Kind `db:"kind" json:"event"`
	Seq       int64       `db:"seq" json:"seq"`
	State     string      `db:"state" json:"state"`
	Attempts  int         `db:"attempts" json:"attempts"`
	Status    *int        `db:"status" json:"status"`
	Error     *string     `db:"error" json:"error"`
	NextAt    *time.Time  `db:"next_at" json:"next_attempt_at"`
	CreatedAt time.Time   `db:"created_at" json:"created_at"`
	UpdatedAt time.Time   `db:"updated_at" json:"updated_at"`
}

func (s *Service) deliveries(_ http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	id := storable(r.PathValue("webhookId"))
	var there bool
	err := s.cfg.DB.GetContext(r.Context(), &there, `SELECT EXISTS (SELECT FROM webhooks WHERE id = $1 AND owner_id = $2)`, id, storable(who.ID))
	if err == nil && !there {
		err = errNoWebhook
	}
	list := []delivery{}
	if err == nil {
		err = s.cfg.DB.SelectContext(r.Context(), &list, `SELECT job_id, kind, seq, state, attempts, status, error,
  CASE WHEN state = 'pending' THEN due_at END AS next_at, created_at, updated_at
FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY seq DESC LIMIT $2`, id, maxDeliveries)
	}
	var p *problem
	if errors.As(err, &p) {
		return nil, p
	}
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	for i := range list {
		list[i].CreatedAt, list[i].UpdatedAt = list[i].CreatedAt.UTC(), list[i].UpdatedAt.UTC()
		utc(list[i].NextAt)
	}
	return &result{message: fmt.Sprintf("%d deliveries.", len(list)), data: map[string]any{"deliveries": list}}, nil
}

// utc changes a time of the database, which is in the server's zone.
func utc(at *time.Time) {
	if at != nil {
		*at = at.UTC()
	}
}
