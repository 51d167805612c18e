package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
	"rollcall.example/services/postgres"
)

// Config is what the service works with.
type Config struct {
	// DB holds the migrated schema. Required.
	DB *sqlx.DB
	// Store reads rows and verdicts and writes outcomes. Required.
	Store *events.Store
	// Logger hears how many rows of a job were refused; nil discards.
	Logger *slog.Logger
	// Now is the clock of created_at and updated_at; nil means time.Now.
	Now func() time.Time
}

// Service is the stage persistence.
type Service struct {
	db     *sqlx.DB
	store  *events.Store
	logger *slog.Logger
	now    func() time.Time
}

// New makes the stage. It connects to nothing by itself.
func New(c Config) *Service {
	s := &Service{db: c.DB, store: c.Store, logger: c.Logger, now: c.Now}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Handle is an events.Handler. It writes the job's members, once however often
// it is called, and returns *events.Persisted. A dry run does all of it in a
// transaction that is rolled back.
//
// The artifact outcomes is stored before the commit, so that hardly anything
// but the fact is left to do after it: a cancellation that arrives earlier
// leaves the database as it was. Every error may be tried again: when it is
// unknown whether the commit took place, the ledger knows.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (events.Fact, error) {
	job := &w.Job
	if job.Validated == nil || job.Verified == nil {
		return nil, errors.New("persist: the job has no rows or no verdicts")
	}
	out, err := records.NewWriter[records.Outcome](s.store)
	if err != nil {
		return nil, fmt.Errorf("persist: %w", err)
	}
	defer func() { _ = out.Close() }() // a spool: nothing is lost with its close

	fact := &events.Persisted{}
	total := job.Validated.Rows.Records
	progress := func(done int, message string) { w.Progress(events.DatabaseOperations, done, total, message) }
	keep := func(tx *sqlx.Tx) error {
		fact.Stats, err = outcomes(ctx, tx, job.ID, out.Write)
		if err != nil {
			return err
		}
		fact.Stats.DryRun = job.Options.DryRun
		if fact.Stats.Total != total {
			return fmt.Errorf("%d outcomes for %d rows", fact.Stats.Total, total)
		}
		progress(total, "Storing the outcomes")
		fact.Outcomes, err = out.Store(ctx, s.store, events.BucketOutcomes, w.ArtifactName("outcomes"), w.Header("outcomes"))
		return err
	}

	written, err := s.written(ctx, job.ID)
	switch {
	case err != nil:
	case written:
		err = s.transaction(ctx, false, func(_ *sqlx.Conn, tx *sqlx.Tx) error { return keep(tx) })
	case job.Options.Undoes != "":
		err = s.takeBack(ctx, job, progress, keep)
	default:
		err = s.fresh(ctx, job, progress, keep)
	}
	if unavailable(err) {
		return nil, s.later(job, err)
	}
	if err != nil {
		return nil, fmt.Errorf("persist: %w", err)
	}
	if fact.Stats.Errors > 0 {
		s.logger.WarnContext(ctx, "rows refused by the database", "job", job.ID, "rows", fact.Stats.Errors)
	}
	return fact, nil
}

// fresh writes a job that has no ledger row yet. The artifacts are fetched
// before the transaction begins, so that no lock waits for them.
func (s *Service) fresh(ctx context.Context, job *events.Job, progress func(int, string), keep func(*sqlx.Tx) error) error {
	rows, err := records.Open[records.Row](ctx, s.store, job.Validated.Rows)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // a reader
	verdicts, err := records.Open[records.Verdict](ctx, s.store, job.Verified.Verdicts)
	if err != nil {
		return err
	}
	defer func() { _ = verdicts.Close() }() // a reader
	return s.write(ctx, job, pairs(rows.Reusing(), verdicts.Reusing()), progress, keep)
}

// write merges people in one transaction, with keep as its last step.
func (s *Service) write(ctx context.Context, job *events.Job, people iter.Seq2[person, error], progress func(int, string), keep func(*sqlx.Tx) error) error {
	return s.transaction(ctx, !job.Options.DryRun, func(conn *sqlx.Conn, tx *sqlx.Tx) error {
		m := merge{tx: tx, conn: conn, jobID: job.ID, now: s.now(), total: job.Validated.Rows.Records, progress: progress}
		if err := m.run(ctx, people); err != nil {
			return err
		}
		return keep(tx)
	})
}

// written reports whether the job's ledger row exists.
func (s *Service) written(ctx context.Context, jobID string) (exists bool, err error) {
	ctx, span := postgres.Span(ctx, "read ledger")
	defer func() { events.EndSpan(span, err) }()
	err = s.db.GetContext(ctx, &exists, `SELECT EXISTS (SELECT FROM job_ledger WHERE job_id = $1)`, jobID)
	if err != nil {
		return false, fmt.Errorf("read ledger: %w", safe(err))
	}
	return exists, nil
}

// transaction runs work in one transaction, which is committed if commit is
// set and work found no error, and rolled back in any other case.
func (s *Service) transaction(ctx context.Context, commit bool, work func(*sqlx.Conn, *sqlx.Tx) error) error {
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", safe(err))
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	// Each statement has ctx; the transaction itself has not, or database/sql
	// would roll it back from another goroutine, into the middle of a COPY.
	// Each statement must see what others have committed before it, whatever
	// the server's default is.
	tx, err := conn.BeginTxx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", safe(err))
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to roll back
	if err := work(conn, tx); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if !commit {
		return nil
	}
	_, span := postgres.Span(ctx, "commit")
	err = tx.Commit()
	events.EndSpan(span, err)
	if err != nil {
		return fmt.Errorf("commit: %w", safe(err))
	}
	return nil
}
