package upload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"rollcall.example/events"
)

const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotent-Replayed"
	// keyLife is how long a key means the same job.
	keyLife = 24 * time.Hour
	maxKey  = 255
)

// keySpace sets apart the ids that follow from a key.
var keySpace = uuid.MustParse("7f4c1e0a-6d35-8b1e-9a52-3d0c5b7e2f41")

// keyOf is a request's idempotency key, "" for none. In quotation marks, as the
// draft of the header has it, it is the same key as without.
func keyOf(r *http.Request) (string, error) {
	values := r.Header.Values(headerKey)
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		key = strings.TrimSuffix(inner, `"`)
	}
	printable := !strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' || c == '"' || c == '\\' })
	if len(values) > 1 || key == "" || len(key) > maxKey || !printable {
		return "", &problem{code: "bad_request", details: map[string]any{"parameter": headerKey},
			message: fmt.Sprintf("%s must be one word of at most %d letters, digits and signs.", headerKey, maxKey)}
	}
	return key, nil
}

// keyed returns the id of the job that an upload is to become, and the job if
// it did already. The id follows from the user and the key, so the guarded
// append decides between requests that arrive at once, wherever they do, and
// nothing but the log has to remember the key. Once a job is older than the
// life of its key, the next id in line is taken.
func (s *Service) keyed(ctx context.Context, who Principal, key string) (id string, earlier *events.Job, err error) {
	if key == "" {
		return events.NewJobID(), nil, nil
	}
	for turn := 0; ; turn++ {
		id := keyedID(who.ID, key, turn)
		job, err := s.cfg.Log.Load(ctx, id)
		if errors.Is(err, events.ErrNotFound) {
			return id, nil, nil
		}
		if err != nil {
			return "", nil, err
		}
		if s.cfg.Now().Sub(job.CreatedAt) < keyLife {
			return id, &job, nil
		}
	}
}

func keyedID(user, key string, turn int) string {
	// A key has no space, so no two triples give the same text.
	name := fmt.Sprintf("%d %s %s", turn, key, user)
	return "job-" + uuid.NewHash(sha256.New(), keySpace, []byte(name), 8).String()
}

// again answers an upload whose key has led to a job already.
func (s *Service) again(w http.ResponseWriter, job *events.Job, f *form) (*result, error) {
	if job.Uploaded.File.SHA256 != f.sha256 || job.Options != f.options {
		return nil, &problem{code: "key_reused", details: map[string]any{"job_id": job.ID},
			message: "This " + headerKey + " came with another file or other options. Use a new one for each upload."}
	}
	w.Header().Set(headerReplayed, "true")
	return &result{status: http.StatusAccepted, message: "The file was received before.", data: answerOf(job)}, nil
}

// sameAs is the newest completed job of the same user and the same bytes, ""
// for none. The upload is accepted, so an error is no reason to refuse it.
func (s *Service) sameAs(ctx context.Context, job *events.Job) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), projectTime)
	defer cancel()
	var ids []string
	err := s.cfg.DB.SelectContext(ctx, &ids, `SELECT job_id FROM jobs
WHERE owner_id = $1 AND file_sha256 = $2 AND status = 'completed' ORDER BY created_at DESC LIMIT 1`,
		storable(job.Owner.ID), job.Uploaded.File.SHA256)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "earlier uploads of the file not looked up", "job", job.ID, "err", err)
	}
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}
