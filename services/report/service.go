// Package report writes the workbook that a job ends with: what became of each
// uploaded row, in one sheet for each question a branch asks, and the figures
// of the whole.
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

// Config says what a Service works with.
type Config struct {
	// Store reads the artifacts of a job and takes its report.
	Store *events.Store
	// WardTarget is how many registered members a ward must have to comply; 0
	// means 200.
	WardTarget int
	// Logger hears of what a library did not survive; nil discards.
	Logger *slog.Logger
	// Now is the clock that processing times are taken from; nil means time.Now.
	// Nothing in a report depends on it.
	Now func() time.Time
}

// Service is the stage report.
type Service struct {
	store  *events.Store
	target int
	log    *slog.Logger
	now    func() time.Time
}

// New returns the stage.
func New(cfg Config) *Service {
	s := &Service{store: cfg.Store, target: cmp.Or(cfg.WardTarget, 200), log: events.Logger(cfg.Logger), now: cfg.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Handle is an events.Handler: it writes the report of w's job, stores it in
// the bucket REPORTS and returns the reported fact. The same artifacts and facts
// give the same bytes, however often it is run.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (events.Fact, error) {
	job := &w.Job
	if job.Uploaded == nil || job.Validated == nil || job.Verified == nil || job.Persisted == nil {
		return nil, errors.New("report: the job lacks a fact of an earlier stage")
	}
	file, err := s.store.OpenSpool()
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nameless and read already: nothing is lost with it
	err = s.write(ctx, job, file, func(done, total int) {
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
		Validation: Completed(job),
		Database:   job.Persisted.Stats,
		DurationMS: max(s.now().Sub(job.CreatedAt).Milliseconds(), 0),
		Inputs:     job.Inputs(),
		WardTarget: s.target,
	}, nil
}

// Rebuild writes the report of a job that has one once more: the same bytes, if
// nothing of what it was made of was altered and WardTarget is as it was.
func (s *Service) Rebuild(ctx context.Context, job *events.Job, to io.Writer) error {
	return s.write(ctx, job, to, func(int, int) {})
}

// Completed is what validation counted, with what the later stages found out: the
// figures of the reported event. The job has been persisted.
func Completed(job *events.Job) events.ValidationStats {
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
