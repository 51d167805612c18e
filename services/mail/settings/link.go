package settings

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"rollcall.example/events/refusal"
	"rollcall.example/services/postgres"
)

// secretBytes is the length of what signs a person's links.
const secretBytes = 32

// newID returns an id that says nothing of the person.
func newID() string { return strings.ToLower(rand.Text()) }

// A link's token is id.topic.signature. It is signed with the person's own secret, so
// that no process needs a key of the installation for it, and all links end when the
// person is forgotten.

// SignLink returns the token of the link that switches a topic off for the person with
// the id and the secret.
func SignLink(id string, secret []byte, topic Topic) string {
	return id + "." + string(topic) + "." + base64.RawURLEncoding.EncodeToString(sign(id, secret, topic))
}

func sign(id string, secret []byte, topic Topic) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("unsubscribe." + id + "." + string(topic)))
	return mac.Sum(nil)
}

// CheckLink returns the topic that a link switches off. A person who is not known any more
// has nothing to switch off, so known is false. It refuses a link that was not signed here.
func (s *Store) CheckLink(ctx context.Context, token string) (topic Topic, known bool, err error) {
	id, topic, signature, err := splitLink(token)
	if err != nil {
		return "", false, err
	}
	var secret []byte
	err = s.db.GetContext(ctx, &secret, `SELECT secret FROM notifications WHERE id = $1`, postgres.CleanText(id))
	if errors.Is(err, sql.ErrNoRows) {
		return topic, false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read link: %w", err)
	}
	if !hmac.Equal(signature, sign(id, secret, topic)) {
		return "", false, errLink()
	}
	return topic, true, nil
}

func splitLink(token string) (id string, topic Topic, signature []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[1] != string(Jobs) && parts[1] != string(Waiting) {
		return "", "", nil, errLink()
	}
	if signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return "", "", nil, errLink()
	}
	return parts[0], Topic(parts[1]), signature, nil
}

func errLink() error {
	return refusal.New(refusal.CodeBadRequest,
		"This link is not whole. Copy all of it, or change what you are told in rollcall.")
}

// Unsubscribe switches off the topic of a link, and nothing else. Doing it again does
// nothing.
func (s *Store) Unsubscribe(ctx context.Context, token string) (Topic, error) {
	topic, known, err := s.CheckLink(ctx, token)
	if err != nil || !known {
		return topic, err
	}
	id, _, _ := strings.Cut(token, ".")
	// Who wants nothing any more is forgotten.
	off, other := "jobs_since", "waiting_since"
	if topic == Waiting {
		off, other = other, off
	}
	res, err := s.db.ExecContext(ctx, `DELETE FROM notifications WHERE id = $1 AND `+other+` IS NULL`, id)
	if err != nil {
		return "", fmt.Errorf("unsubscribe: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return topic, err
	}
	if _, err := s.db.ExecContext(ctx, `UPDATE notifications SET `+off+` = NULL WHERE id = $1`, id); err != nil {
		return "", fmt.Errorf("unsubscribe: %w", err)
	}
	return topic, nil
}
