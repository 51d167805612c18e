// Package revocation ends tokens before they expire. Entries are in the key-value bucket
// REVOCATIONS, one for each token or user, until the tokens that they end have expired by
// themselves. Each process that checks tokens has a Watch.
package revocation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const (
	stream = "KV_" + events.KVRevocations
	prefix = "$KV." + events.KVRevocations + "."
	filter = prefix + ">"

	// grace is how long the server keeps an entry after its end, for the clocks of the
	// processes that read it differ.
	grace = 5 * time.Minute

	// DefaultFor is how long an entry counts where nobody says otherwise. Tokens should
	// not be good for longer.
	DefaultFor = 30 * 24 * time.Hour
)

// Entry says which tokens are no longer good.
type Entry struct {
	// User ends all tokens that the user, as events.UserID returns it, has got until At;
	// those that do not say when they were issued as long as there is the entry.
	User string `json:"user,omitempty"`
	// TokenID ends the token with that jti. Either it or User is given.
	TokenID string    `json:"jti,omitempty"`
	At      time.Time `json:"at"`
	// Until is when the entry ends; zero means never.
	Until time.Time `json:"until,omitzero"`
	// By says who wanted it.
	By string `json:"by,omitempty"`
}

// subject is that of the entry's key. A user's id may be of any characters, so the key is
// its hash.
func (e Entry) subject() string {
	if e.TokenID != "" {
		return subject("token", e.TokenID)
	}
	return subject("user", e.User)
}

func subject(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	return prefix + kind + "." + hex.EncodeToString(sum[:])
}

// ended reports whether the entry no longer counts.
func (e Entry) ended(now time.Time) bool { return !e.Until.IsZero() && now.After(e.Until) }

func (e Entry) validate() error {
	if (e.User == "") == (e.TokenID == "") {
		return errors.New("either a user or a token is revoked")
	}
	return nil
}

// Revoke stores an entry, in place of an earlier one of the same user or token. It needs
// permission to publish below $KV.REVOCATIONS.
func Revoke(ctx context.Context, js jetstream.JetStream, e Entry) error {
	if err := e.validate(); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	var opts []jetstream.PublishOpt
	if !e.Until.IsZero() {
		left := time.Until(e.Until)
		if left <= 0 {
			return errors.New("revoke: until is in the past")
		}
		opts = append(opts, jetstream.WithMsgTTL((left + grace).Round(time.Second)))
	}
	if _, err := js.Publish(ctx, e.subject(), body, opts...); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// Restore removes the entry of e's user or token, if there is one.
func Restore(ctx context.Context, js jetstream.JetStream, e Entry) error {
	if err := e.validate(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	msg := nats.NewMsg(e.subject())
	msg.Header.Set(operationHeader, removal)
	if _, err := js.PublishMsg(ctx, msg, jetstream.WithMsgTTL(removalTTL)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// How a message removes the entry of its key, and how long it is kept itself.
const (
	operationHeader = "KV-Operation"
	removal         = "DEL"
	removalTTL      = 24 * time.Hour
)

// List returns the entries that count now, oldest first. It needs permission to publish to
// $JS.API.DIRECT.GET.KV_REVOCATIONS only.
func List(ctx context.Context, js jetstream.JetStream) (list []Entry, err error) {
	now := time.Now()
	for m, err := range events.Messages(ctx, js, stream, filter, 1) {
		if err != nil {
			return nil, fmt.Errorf("list revocations: %w", err)
		}
		if isRemoved(m) {
			continue
		}
		var e Entry
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return nil, fmt.Errorf("list revocations: entry %d: %w", m.Sequence, err)
		}
		if !e.ended(now) {
			list = append(list, e)
		}
	}
	return list, nil
}

// isRemoved reports whether a message says that its key has no entry any more: somebody
// removed it, or the server did, since its time was up.
func isRemoved(m *jetstream.RawStreamMsg) bool {
	return m.Header.Get(operationHeader) != "" || m.Header.Get(jetstream.MarkerReasonHeader) != ""
}
