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
	"rollcall.example/events/stage"
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

// Handle is a stage.Handler. It writes the report of a job, stores it in the bucket
// REPORTS and returns *events.Reported. The same artifacts and facts always give
// the same bytes.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (events.Fact, error) {
	job := &w.Job
	if job.Uploaded == nil || job.Validated == nil || job.Verified == nil || job.Persisted == nil {
		return nil, errors.New("report: a fact of an earlier stage is missing")
	}
	file, err := s.store.OpenSpool()
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nameless: nothing is lost with it
	err = s.writeReport(ctx, job, file, func(done, total int) {
		w.Progress(events.ReportGeneration, done, total, "Writing the report")
	})
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	stored, err := s.store.Put(ctx, events.BucketReports, w.ArtifactName("report")+".xlsx", file)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return &events.Reported{
		Report:     stored,
		Validation: CompleteStats(job),
		Database:   job.Persisted.Stats,
		DurationMS: max(s.now().Sub(job.CreatedAt).Milliseconds(), 0),
		Inputs:     job.Inputs(),
		WardTarget: s.wardTarget,
	}, nil
}

// Rebuild writes the report of a job that has one once more. The bytes are the same
// if nothing that it is made of has changed and WardTarget is what it was.
func (s *Service) Rebuild(ctx context.Context, job *events.Job, to io.Writer) error {
	return s.writeReport(ctx, job, to, func(int, int) {})
}

// CompleteStats returns the counts of validation together with those of the later
// stages: the totals of the reported event. The job must have been persisted.
func CompleteStats(job *events.Job) events.ValidationStats {
	stats := job.Validated.Stats
	iec, db := job.Verified.Stats, job.Persisted.Stats
	stats.Registered = iec.Registered
	stats.NotRegistered = iec.NotRegistered
	stats.Deceased = iec.Deceased
	stats.International = iec.International
	stats.Unverified = iec.Unverified
	stats.ExistingMembers = db.Updates + db.Unchanged
	stats.NewMembers = db.Inserts
	return stats
}
