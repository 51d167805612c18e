package upload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

const (
	headerKey = "Idempotency-Key"
	// keyLife is how long a key means the same job.
	keyLife = 24 * time.Hour
	maxKey  = 255 // bytes
)

// keySpace sets apart the ids that follow from a key.
var keySpace = uuid.MustParse("7f4c1e0a-6d35-8b1e-9a52-3d0c5b7e2f41")

// keyOf returns a request's idempotency key, "" for none. In quotation marks, as
// the draft of the header has it, it is the same key as without.
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
		return "", &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": headerKey},
			Message: fmt.Sprintf("%s must be one word of at most %d letters, digits and signs.", headerKey, maxKey)}
	}
	return key, nil
}

// jobOfKey returns the id of the job that an upload is to become, and the job if
// it did already. The id follows from the user and the key, so the guarded
// append decides between requests that arrive at once, wherever they do, and
// nothing but the log has to remember the key. Once a job is older than the
// life of its key, the next id in line is taken.
func (s *Service) jobOfKey(
	ctx context.Context, user events.User, key string,
) (id string, earlier *events.Job, err error) {
	if key == "" {
		return events.NewJobID(), nil, nil
	}
	for turn := 0; ; turn++ {
		id := jobIDOfKey(user.ID, key, turn)
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

func jobIDOfKey(userID, key string, turn int) string {
	// A key has no space, so no two triples give the same text.
	name := fmt.Sprintf("%d %s %s", turn, key, userID)
	return "job-" + uuid.NewHash(sha256.New(), keySpace, []byte(name), 8).String()
}

// checkRepeat refuses an upload whose key has led to a job for another file.
func (s *Service) checkRepeat(ctx context.Context, job *events.Job, f *form) error {
	same := job.Uploaded.File.SHA256 == f.sha256 && job.Options == f.options
	if was := job.Uploaded.Mapping; same && (was != nil || f.mapping != nil) {
		// The fact says which columns the mapping meant, so the file must tell it again.
		release, err := s.waitForSlot(ctx, job.Owner)
		if err != nil {
			return err
		}
		defer release()
		if err := check(ctx, f); err != nil {
			return err
		}
		same = was != nil && f.mapped != nil && reflect.DeepEqual(*was, *f.mapped)
	}
	if !same {
		return &refusal.Error{Code: refusal.CodeKeyReused, Details: map[string]any{"job_id": job.ID},
			Message: "This " + headerKey + " came with another file or other options. Use a new one for each upload."}
	}
	return nil
}
