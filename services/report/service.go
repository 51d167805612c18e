// Package report writes the workbook that a job ends with: what became of each
// uploaded row, in one sheet for each question that a branch asks, and the totals.
package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/events/stage"
	"rollcall.example/services/rejects"
	"rollcall.example/services/rows"
)

// DefaultWardTarget is how many registered members a ward needs where nobody says
// otherwise.
const DefaultWardTarget = 200

// Config says what the service works with.
type Config struct {
	// Store reads the artifacts of a job and stores its report. Required.
	Store *events.Store
	// WardTarget is how many registered members a ward needs to comply; 0 means
	// DefaultWardTarget.
	WardTarget int
	// Logger hears of panics in the workbook library; nil discards.
	Logger *slog.Logger
	// Now is the clock that measures how long a job took; nil means time.Now.
	// Nothing in a report depends on it.
	Now func() time.Time
}

// Service is the stage report.
type Service struct {
	store      *events.Store
	wardTarget int
	logger     *slog.Logger
	now        func() time.Time
}

// New returns the stage.
func New(cfg Config) *Service {
	s := &Service{store: cfg.Store, wardTarget: cmp.Or(cfg.WardTarget, DefaultWardTarget),
		logger: events.Logger(cfg.Logger), now: cfg.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Handle is a stage.Handler. It writes the report of a job, the index of its rows and the
// workbook of those that have to be corrected, stores them in the bucket REPORTS and returns
// *events.Reported. The same artifacts and facts always give the same bytes.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (events.Fact, error) {
	job := &w.Job
	if job.Uploaded == nil || job.Validated == nil || job.Verified == nil || job.Persisted == nil {
		return nil, errors.New("report: a fact of an earlier stage is missing")
	}
	index, err := rows.NewWriter(s.store, job)
	if err != nil {
		return nil, err
	}
	defer func() { _ = index.Close() }() // nameless: nothing is lost with it
	stored, err := s.storeFile(ctx, w.ArtifactName("report")+".xlsx", func(to io.Writer) error {
		return s.writeReport(ctx, job, to, index, func(done, total int) {
			w.Progress(events.ReportGeneration, done, total, "Writing the report")
		})
	})
	if err != nil {
		return nil, err
	}
	// The next attempt stores under names of its own and may need the space.
	discard := func(err error, list ...events.Artifact) error {
		for _, a := range list {
			err = errors.Join(err, s.store.Discard(context.WithoutCancel(ctx), a.Bucket, a.Name))
		}
		return err
	}
	listed, err := s.storeIndex(ctx, w.ArtifactName("index"), index)
	if err != nil {
		return nil, discard(err, stored)
	}
	toFix, err := s.storeRejects(ctx, w)
	if err != nil {
		return nil, discard(err, stored, listed)
	}
	return &events.Reported{
		Report:     stored,
		Rejects:    toFix,
		Index:      &listed,
		Validation: CompleteStats(job),
		Database:   job.Persisted.Stats,
		DurationMS: max(s.now().Sub(job.CreatedAt).Milliseconds(), 0),
		Inputs:     job.Inputs(),
		WardTarget: s.wardTarget,
	}, nil
}

// storeRejects makes and stores the workbook of the rows that have to be corrected,
// so that nobody's download has to; nil where there are none. An undo has those of
// the job that it undoes.
func (s *Service) storeRejects(ctx context.Context, w *stage.Work) (*events.Artifact, error) {
	if w.Job.Options.Undoes != "" {
		return nil, nil
	}
	stored, err := s.storeFile(ctx, w.ArtifactName("rejects")+".xlsx", func(to io.Writer) error {
		err := catchPanic(ctx, s.logger, func() error { return rejects.Write(ctx, s.store, &w.Job, to) })
		if refused, ok := errors.AsType[*refusal.Error](err); ok {
			return stage.RejectWith(refused)
		}
		return err
	})
	switch {
	case errors.Is(err, rejects.ErrNone):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &stored, nil
}

// storeIndex stores the index of the rows.
func (s *Service) storeIndex(ctx context.Context, name string, index *rows.Writer) (events.Artifact, error) {
	file, err := index.Finish()
	if err != nil {
		return events.Artifact{}, fmt.Errorf("report: %w", err)
	}
	stored, err := s.store.Put(ctx, events.BucketReports, name, file)
	if err != nil {
		return events.Artifact{}, fmt.Errorf("report: %w", err)
	}
	return stored, nil
}

// storeFile stores what write writes in the bucket REPORTS.
func (s *Service) storeFile(ctx context.Context, name string, write func(io.Writer) error) (events.Artifact, error) {
	file, err := s.store.OpenSpool()
	if err != nil {
		return events.Artifact{}, err
	}
	defer func() { _ = file.Close() }() // nameless: nothing is lost with it
	if err := write(file); err != nil {
		return events.Artifact{}, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return events.Artifact{}, fmt.Errorf("report: %w", err)
	}
	stored, err := s.store.Put(ctx, events.BucketReports, name, file)
	if err != nil {
		return events.Artifact{}, fmt.Errorf("report: %w", err)
	}
	return stored, nil
}

// Rebuild writes the report of a job that has one once more. The bytes are the same
// if nothing that it is made of has changed and WardTarget is what it was.
func (s *Service) Rebuild(ctx context.Context, job *events.Job, to io.Writer) error {
	return s.writeReport(ctx, job, to, nil, func(int, int) {})
}

// CompleteStats returns the counts of validation together with those of the later
// stages: the totals of the reported event. The job must have been persisted.
func CompleteStats(job *events.Job) events.ValidationStats {
	stats := job.Validated.Stats
	iec, db := verdictsOf(job), job.Persisted.Stats
	stats.Registered = iec.Registered
	stats.NotRegistered = iec.NotRegistered
	stats.Deceased = iec.Deceased
	stats.International = iec.International
	stats.Unverified = iec.Unverified
	stats.ExistingMembers = db.Updates + db.Unchanged + db.Known
	stats.NewMembers = db.Inserts
	return stats
}

// verdictsOf returns the counts of the IEC's verdicts that the job's owner may know:
// not those of rows that wait for somebody else, or name nobody whom the job knows.
func verdictsOf(job *events.Job) events.IECStats {
	if job.Persisted.IEC != nil {
		return *job.Persisted.IEC
	}
	return job.Verified.Stats
}
