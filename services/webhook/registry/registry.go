// Package registry keeps the registrations of webhooks in the table webhooks, and
// lists their deliveries from webhook_deliveries. Package webhook makes the
// deliveries.
package registry

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/postgres"
)

const (
	// MaxWebhooks is the number of webhooks that a user may have.
	MaxWebhooks = 20
	// maxDeliveries is the number of deliveries in a list.
	maxDeliveries = 100
	maxURLBytes   = 2000 // bytes
	secretBytes   = 32
	// OldSecretValid is how long a secret signs beside the one that replaced it.
	OldSecretValid = 24 * time.Hour
)

// Config is what a Registry works with.
type Config struct {
	// DB has the tables webhooks (SELECT, INSERT, UPDATE of the secret, DELETE) and
	// webhook_deliveries (SELECT, INSERT).
	DB *sqlx.DB
	// Private allows URLs without TLS too. Anybody who may register a webhook can then
	// have requests made inside the network.
	Private bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Registry keeps registrations. It is safe for concurrent use. Its refusals are
// *refusal.Error.
type Registry struct{ cfg Config }

// New returns the registry.
func New(cfg Config) *Registry {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Registry{cfg}
}

// Webhook is a registration, without its secret.
type Webhook struct {
	ID  string `db:"id" json:"id"`
	URL string `db:"url" json:"url"`
	// JobID is the one job whose events are delivered; nil means all jobs of the owner.
	JobID     *string        `db:"job_id" json:"job_id"`
	Kinds     pq.StringArray `db:"kinds" json:"events"`
	CreatedAt time.Time      `db:"created_at" json:"created_at"`
	// Failures is the number of failed attempts in a row.
	Failures int `db:"failures" json:"failures"`
	// FailingSince is when they began, without the time in which nothing was tried; nil
	// while the receiver takes what is posted.
	FailingSince   *time.Time `db:"failing_since" json:"failing_since"`
	DisabledAt     *time.Time `db:"disabled_at" json:"disabled_at"`
	DisabledReason *string    `db:"disabled_reason" json:"disabled_reason"`
	// OldSecretUntil is how long the secret before the last rotation signs too; nil
	// when it does not.
	OldSecretUntil *time.Time `db:"old_secret_until" json:"old_secret_until"`
}

const webhookColumns = `id, url, job_id, kinds, created_at, failures, failing_since, disabled_at,
  disabled_reason, CASE WHEN old_secret_until > now() THEN old_secret_until END AS old_secret_until`

// Request is a request to register a webhook.
type Request struct {
	URL string
	// JobID is the one job whose events are delivered; "" means all jobs of the owner.
	JobID string
	// Kinds are the events to deliver; nil means events.DefaultWebhookKinds.
	Kinds []events.Kind
}

// NewWebhook returns a webhook for Add, or refuses a request that can never be
// delivered. The address of the URL's host is checked at each delivery.
func (r *Registry) NewWebhook(req Request) (Webhook, error) {
	if err := r.checkURL(req.URL); err != nil {
		return Webhook{}, err
	}
	kinds := req.Kinds
	if kinds == nil {
		kinds = events.DefaultWebhookKinds
	}
	kinds = slices.Compact(slices.Sorted(slices.Values(kinds)))
	for _, kind := range kinds {
		if !slices.Contains(events.WebhookKinds, kind) {
			return Webhook{}, refusal.New(refusal.CodeBadRequest,
				"The events that can be asked for are "+kindsInWords("and")+".")
		}
	}
	if len(kinds) == 0 {
		return Webhook{}, refusal.New(refusal.CodeBadRequest,
			"Ask for one event at least: "+kindsInWords("or")+".")
	}
	hook := Webhook{
		ID: "wh-" + uuid.Must(uuid.NewV7()).String(), URL: req.URL,
		CreatedAt: r.cfg.Now().UTC().Truncate(time.Microsecond), // as PostgreSQL keeps it
	}
	for _, kind := range kinds {
		hook.Kinds = append(hook.Kinds, string(kind))
	}
	if req.JobID != "" {
		hook.JobID = &req.JobID
	}
	return hook, nil
}

// kindsInWords lists events.WebhookKinds.
func kindsInWords(conjunction string) string {
	words := make([]string, len(events.WebhookKinds))
	for i, kind := range events.WebhookKinds {
		words[i] = string(kind)
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

func (r *Registry) checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURLBytes || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return refusal.New(refusal.CodeBadRequest, "url must be that of your server, without a user and a fragment.")
	case u.Scheme != "https" && (u.Scheme != "http" || !r.cfg.Private):
		return refusal.New(refusal.CodeBadRequest, "url must begin with https://.")
	}
	return nil
}

// Add registers a webhook of NewWebhook and returns the secret that signs its
// deliveries. It refuses more than MaxWebhooks of a user.
func (r *Registry) Add(ctx context.Context, ownerID string, hook Webhook) (secret string, err error) {
	secret = newSecret()
	res, err := r.cfg.DB.ExecContext(ctx, `INSERT INTO webhooks (id, owner_id, job_id, url, kinds, secret, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM webhooks WHERE owner_id = $2) < $8`,
		hook.ID, postgres.CleanText(ownerID), hook.JobID, hook.URL, hook.Kinds, secret, hook.CreatedAt, MaxWebhooks)
	if err != nil {
		return "", fmt.Errorf("register webhook: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return "", fmt.Errorf("register webhook: %w", err)
	}
	if n == 0 {
		return "", &refusal.Error{Code: refusal.CodeTooManyWebhooks, Details: map[string]any{"max": MaxWebhooks},
			Message: fmt.Sprintf("You have %d webhooks already. Delete one first.", MaxWebhooks)}
	}
	return secret, nil
}

func newSecret() string {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// Rotate replaces the secret of a user's webhook. The one before signs beside it for
// OldSecretValid; one that was still valid beside that ends at once.
func (r *Registry) Rotate(ctx context.Context, ownerID, id string) (hook Webhook, secret string, err error) {
	secret = newSecret()
	// A trigger keeps the old secret, which this role may not read.
	err = r.cfg.DB.GetContext(ctx, &hook, `UPDATE webhooks
SET secret = $3, old_secret_until = now() + $4 * interval '1 second' WHERE id = $1 AND owner_id = $2
RETURNING `+webhookColumns,
		postgres.CleanText(id), postgres.CleanText(ownerID), secret, OldSecretValid.Seconds())
	if errors.Is(err, sql.ErrNoRows) {
		return Webhook{}, "", errNoWebhook()
	}
	if err != nil {
		return Webhook{}, "", fmt.Errorf("rotate secret of webhook: %w", err)
	}
	hook.setUTC()
	return hook, secret, nil
}

func (w *Webhook) setUTC() {
	postgres.SetUTC(&w.CreatedAt, w.FailingSince, w.DisabledAt, w.OldSecretUntil)
}

// List returns the webhooks of a user, oldest first.
func (r *Registry) List(ctx context.Context, ownerID string) ([]Webhook, error) {
	hooks := []Webhook{}
	err := r.cfg.DB.SelectContext(ctx, &hooks,
		`SELECT `+webhookColumns+` FROM webhooks WHERE owner_id = $1 ORDER BY id`, postgres.CleanText(ownerID))
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	for i := range hooks {
		hooks[i].setUTC()
	}
	return hooks, nil
}

// Remove deletes a webhook of a user with its deliveries.
func (r *Registry) Remove(ctx context.Context, ownerID, id string) error {
	res, err := r.cfg.DB.ExecContext(ctx, `DELETE FROM webhooks WHERE id = $1 AND owner_id = $2`,
		postgres.CleanText(id), postgres.CleanText(ownerID))
	if err != nil {
		return fmt.Errorf("delete webhook: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("delete webhook: %w", err)
	}
	if n == 0 {
		return errNoWebhook()
	}
	return nil
}

func errNoWebhook() *refusal.Error {
	return refusal.New(refusal.CodeNotFound, "There is no such webhook.")
}
