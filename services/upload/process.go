package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

const (
	objectName = "upload"
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

// accepted is the answer to an upload.
type accepted struct {
	JobID    string         `json:"job_id"`
	Status   events.Status  `json:"status"`
	FileName string         `json:"file_name"`
	FileSize int64          `json:"file_size"`
	SHA256   string         `json:"sha256"`
	Options  events.Options `json:"options"`
	Links    links          `json:"links"`
}

type links struct {
	Status string `json:"status"`
	Report string `json:"report"`
	Cancel string `json:"cancel"`
}

func linksOf(jobID string) links {
	return links{Status: Base + "/status/" + jobID, Report: Base + "/report/" + jobID, Cancel: Base + "/cancel/" + jobID}
}

// process takes a spreadsheet. What is refused leaves nothing behind: the file
// is looked at before anything is stored.
func (s *Service) process(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	sent, err := s.transfer(who)
	if err != nil {
		return nil, err
	}
	defer sent()
	counting, cancel := context.WithTimeout(r.Context(), limitTime)
	err = s.within(counting, s.cfg.DB, who) // before all of a file is received
	cancel()
	if err != nil {
		return nil, err
	}
	f, err := s.readForm(w, r)
	defer func() {
		// The job may exist by now, and the copy has no name: it is no reason to refuse.
		if err := f.close(); err != nil {
			s.cfg.Logger.WarnContext(r.Context(), "spool not closed", "err", err)
		}
	}()
	if err != nil {
		return nil, err
	}
	release, err := s.turn(r.Context())
	if err != nil {
		return nil, err
	}
	defer release()
	columns, err := schema.Columns()
	if err != nil {
		return nil, err
	}
	if _, err := workbook.Preflight(f.file, f.size, workbook.Limits{}, columns); err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err // nobody waits for the job id
	}
	counted, err := s.claim(r.Context(), who)
	if err != nil {
		return nil, err
	}
	defer counted()
	job, err := s.accept(r.Context(), who, f)
	if err != nil {
		return nil, err
	}
	s.cfg.Logger.InfoContext(r.Context(), "accepted", "job", job.ID, "user", who.ID, "size", f.size)
	s.projectNow(r.Context(), job)
	return &result{status: http.StatusAccepted, message: "The file was received and is being processed.", data: accepted{
		JobID: job.ID, Status: events.StatusPending, FileName: job.FileName, FileSize: f.size, SHA256: f.sha256,
		Options: job.Options, Links: linksOf(job.ID),
	}}, nil
}

// turn waits until there is room for one more file, for a while.
func (s *Service) turn(ctx context.Context) (release func(), err error) {
	wait := time.NewTimer(s.cfg.MaxWait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, &problem{code: "busy",
			message: "Many files are being uploaded at the moment. Please try again in a minute."}
	}
}

// accept stores the file and then the fact. It goes on when the client is gone:
// half a transfer is worth less than a job in the client's history.
func (s *Service) accept(ctx context.Context, who Principal, f *form) (events.Job, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime+time.Duration(f.size/storeRate)*time.Second)
	defer cancel()
	id := events.NewJobID()
	stored, err := s.store(ctx, id, f)
	if err != nil {
		s.discard(ctx, id)
		return events.Job{}, err
	}
	fact := &events.Uploaded{Owner: who.User, FileName: f.name, File: stored, Options: f.options}
	fact.JobID = id
	job, known, err := s.open(ctx, fact)
	if err != nil && known {
		s.discard(ctx, id)
	}
	return job, err
}

// store puts the file. It is put again while the servers of the object store
// choose a new leader: the client has sent it, and should not have to again.
func (s *Service) store(ctx context.Context, id string, f *form) (events.Artifact, error) {
	for try := 1; ; try++ {
		// With a deadline the client would wait until then for acknowledgements
		// that were lost with a connection; without, it gives each its own time.
		stored, err := s.cfg.Store.Put(context.WithoutCancel(ctx), events.BucketUploads, id+"/"+objectName, io.NewSectionReader(f.file, 0, f.size))
		if err == nil && (stored.SHA256 != f.sha256 || stored.Size != f.size) {
			return stored, fmt.Errorf("store %s: spooled file changed on the disk", id)
		}
		if err == nil || try == storeTries || !leaderless(err) {
			return stored, err
		}
		s.cfg.Logger.WarnContext(ctx, "file not stored yet", "job", id, "err", err)
		select {
		case <-ctx.Done():
			return stored, err
		case <-time.After(storeWait):
		}
	}
}

// leaderless says whether nobody was there to answer, or an answer was lost.
func leaderless(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrAsyncPublishTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &api) && api.Code == http.StatusServiceUnavailable
}

// open appends a job's first fact. While the log does not answer, the same fact
// is offered again, which stores it once. Known is false when it may be stored
// although there is an error: then its file must stay.
func (s *Service) open(ctx context.Context, fact *events.Uploaded) (job events.Job, known bool, err error) {
	known = true
	for range appendTries {
		job = events.Job{}
		if _, err = s.cfg.Log.Append(ctx, &job, 0, fact); err == nil {
			return job, true, nil
		}
		var refused *jetstream.APIError
		if errors.As(err, &refused) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, events.ErrConflict) {
			break
		}
		known = false
		s.cfg.Logger.WarnContext(ctx, "fact not stored yet", "job", fact.JobID, "err", err)
	}
	return events.Job{}, known, err
}

// discard removes the file of a job that does not come to be.
func (s *Service) discard(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	bucket, err := s.cfg.Log.JetStream().ObjectStore(ctx, events.BucketUploads)
	if err == nil {
		err = bucket.Delete(ctx, id+"/"+objectName)
	}
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		s.cfg.Logger.ErrorContext(ctx, "file of a refused upload not removed", "job", id, "err", err)
	}
}
