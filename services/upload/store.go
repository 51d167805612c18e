package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
)

const (
	// Storing may take this long and a second more for each storeRate bytes.
	storeTime = time.Minute
	storeRate = 1 << 20
	// appendTries is how often a fact is offered to a log that does not answer.
	appendTries = 3
	// storeTries and storeWait say how long a file waits for a leader.
	storeTries  = 20
	storeWait   = 500 * time.Millisecond
	discardTime = 10 * time.Second
)

// accept stores the file and then the fact. It goes on when the client is gone:
// half a transfer is worth less than a job in the client's history. First is
// false when another request of the same key came before: the job is that one's.
func (s *Service) accept(
	ctx context.Context, user events.User, id string, f *form,
) (job events.Job, first bool, err error) {
	limit := storeTime + time.Duration(f.size/storeRate)*time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	// Of requests for the same job, each stores a file of its own.
	object := id + "/" + uuid.NewString()
	stored, err := s.store(ctx, object, f)
	if err != nil {
		s.cfg.discard(ctx, object)
		return events.Job{}, false, err
	}
	fact := &events.Uploaded{
		Owner: user, FileName: f.name, File: stored, Options: f.options, Area: &f.area, Mapping: f.mapped,
	}
	fact.JobID = id
	job, known, err := s.begin(ctx, fact)
	if err == nil && f.key != "" {
		// Requests of the same key offer facts of the same id, of which the log
		// took one.
		var won events.Job
		won, err = loadStored(ctx, s.cfg.Log, id, job.Seq)
		if known = err == nil; known && won.Uploaded.File.Name != object {
			s.cfg.discard(ctx, object)
			return won, false, nil
		}
	}
	if err != nil && known {
		s.cfg.discard(ctx, object)
	}
	return job, true, err
}

// loadStored loads a job whose fact of a sequence was stored. Any replica of the log may
// answer, and one that lags does not have the fact yet.
func loadStored(ctx context.Context, log *events.Log, id string, seq uint64) (job events.Job, err error) {
	for lags := 1; ; lags++ {
		job, err = log.Load(ctx, id)
		if err == nil && job.Seq >= seq || err != nil && !errors.Is(err, events.ErrNotFound) {
			return job, err
		}
		if waited := events.WaitAfterConflict(ctx, lags); waited != nil {
			return job, waited
		}
	}
}

// store puts the file. It tries again while the servers of the object store
// choose a new leader: the client has sent the file, and should not have to again.
func (s *Service) store(ctx context.Context, object string, f *form) (events.Artifact, error) {
	for try := 1; ; try++ {
		// With a deadline the NATS client would wait until then for acknowledgements
		// that were lost with a connection; without, it gives each its own time.
		stored, err := s.cfg.Store.Put(context.WithoutCancel(ctx), events.BucketUploads, object,
			io.NewSectionReader(f.file, 0, f.size))
		if err == nil && (stored.SHA256 != f.sha256 || stored.Size != f.size) {
			return stored, fmt.Errorf("store %s: spooled file changed on the disk", object)
		}
		if err == nil || try == storeTries || !hasNoLeader(err) || events.StorageFull(err) {
			return stored, err
		}
		s.cfg.Logger.WarnContext(ctx, "object store has no leader; file will be put again",
			"object", object, "attempt", try, "err", err)
		select {
		case <-ctx.Done():
			return stored, err
		case <-time.After(storeWait):
		}
	}
}

// hasNoLeader says whether nobody was there to answer, or an answer was lost.
func hasNoLeader(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrAsyncPublishTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &api) && api.Code == http.StatusServiceUnavailable
}

// Begin appends a job's first fact, which names a file that is stored already. The
// same fact offered twice is stored once.
func (s *Service) Begin(ctx context.Context, fact *events.Uploaded) (events.Job, error) {
	job, _, err := s.begin(ctx, fact)
	if err == nil {
		s.cfg.Jobs.TrySave(ctx, &job)
	}
	return job, err
}

// begin appends a job's first fact. While the log does not answer, it offers the
// same fact again, which stores it once. Known is false when the fact may be stored
// although there is an error: then its file must stay.
func (s *Service) begin(ctx context.Context, fact *events.Uploaded) (job events.Job, known bool, err error) {
	if err := s.nameWards(ctx, fact); err != nil {
		return events.Job{}, true, err
	}
	known = true
	for try := range appendTries {
		job = events.Job{}
		if _, err = s.cfg.Log.Append(ctx, &job, 0, fact); err == nil {
			return job, true, nil
		}
		var refused *jetstream.APIError
		if errors.As(err, &refused) || errors.Is(err, jetstream.ErrNoStreamResponse) {
			break
		}
		// On a replicated stream another append to the job may be under way.
		known = known && errors.Is(err, events.ErrConflict)
		s.cfg.Logger.WarnContext(ctx, "fact uploaded not stored yet", "job", fact.JobID, "err", err)
		if events.WaitAfterConflict(ctx, try+1) != nil {
			break
		}
	}
	return events.Job{}, known, err
}

// nameWards adds to the area of a job the wards that lie in it, so that all that
// decide by the fact decide the same, however the directory of wards changes.
func (s *Service) nameWards(ctx context.Context, fact *events.Uploaded) error {
	if s.cfg.Wards == nil || fact.Area == nil || fact.Options.Commits != "" {
		return nil // a commit has the area of its dry run as it was
	}
	area, err := s.cfg.withWards(ctx, *fact.Area)
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "wards of an area not found, upload refused", "job", fact.JobID, "err", err)
		return err
	}
	fact.Area = &area
	return nil
}

// Covers reports whether an area covers another one, by the wards that are known to lie
// in it now. The error is a *refusal.Error when those cannot be looked up.
func Covers(ctx context.Context, s *Service, area, other events.Area) (bool, error) {
	if access.Covers(area, other) {
		return true, nil
	}
	area, err := s.cfg.withWards(ctx, area)
	if err != nil {
		return false, err
	}
	return access.Covers(area, other), nil
}

// WithWards returns an area with the wards that are known to lie in it. The error is a
// *refusal.Error when those cannot be looked up.
func WithWards(ctx context.Context, s *Service, area events.Area) (events.Area, error) {
	return s.cfg.withWards(ctx, area)
}

// withWards returns an area with the wards that are known to lie in it.
func (c *Config) withWards(ctx context.Context, area events.Area) (events.Area, error) {
	if c.Wards == nil {
		return area, nil
	}
	wards, err := c.Wards(ctx, area)
	if err != nil {
		return area, &refusal.Error{Code: refusal.CodeBusy, Err: err,
			Message: "Which wards lie in your area cannot be looked up at the moment. Please try again in a minute."}
	}
	area.Wards = wards
	return area, nil
}

// discard removes a file that no fact names.
func (c *Config) discard(ctx context.Context, object string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	if err := c.Store.Discard(ctx, events.BucketUploads, object); err != nil {
		c.Logger.ErrorContext(ctx, "file of a refused upload not removed", "object", object, "err", err)
	}
}
