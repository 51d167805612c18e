package persistence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
	"rollcall.example/events/access"
	personlist "rollcall.example/events/person"
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
	// ApproveAbove is how many changes to existing members a job may make before
	// somebody else has to approve it, whoever uploaded; 0 means any number.
	ApproveAbove int
	// Objections returns who has objected to being on a roll; nil means that nobody
	// has.
	Objections func(context.Context) (*personlist.Objections, error)
	// Logger gets how many rows of a job were refused; nil discards.
	Logger *slog.Logger
	// Now is the clock of created_at and updated_at; nil means time.Now.
	Now func() time.Time
}

// Service is the stage persistence.
type Service struct {
	db         *sqlx.DB
	store      *events.Store
	objections func(context.Context) (*personlist.Objections, error)
	logger     *slog.Logger
	now        func() time.Time

	approveAbove int
}

// New returns the stage. It connects to nothing.
func New(c Config) *Service {
	s := &Service{db: c.DB, store: c.Store, objections: c.Objections, logger: events.Logger(c.Logger), now: c.Now,
		approveAbove: c.ApproveAbove}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Handle is a stage.Handler. It writes the job's members, once however often it
// is called, and returns *events.Persisted. A dry run does the same in a
// transaction that is rolled back, and so does a job that somebody has to approve:
// it returns *events.Proposed.
//
// Handle stores the artifact outcomes before the commit. A cancellation that
// arrives before the commit then leaves the database as it was, and almost
// nothing but the fact is left to do after it. Every error may be tried again:
// if it is unknown whether the commit took place, the ledger row tells.
func (s *Service) Handle(ctx context.Context, w *stage.Work) (events.Fact, error) {
	job := &w.Job
	if job.Validated == nil || job.Verified == nil {
		return nil, errors.New("persist: the job has no rows or no verdicts")
	}
	r, err := s.newRun(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("persist: %w", err)
	}
	defer func() { _ = r.close() }() // temporary files

	written, err := s.isWritten(ctx, job.ID)
	if err == nil && written {
		written, err = s.takeOver(ctx, job)
	}
	switch {
	case err != nil:
	case written:
		err = s.transaction(ctx, false, func(_ *sqlx.Conn, tx *sqlx.Tx) error { return r.storeOutcomes(ctx, tx, false) })
	case job.Options.Undoes != "":
		var undone events.Job
		if undone, err = w.LoadUndone(ctx); err == nil {
			err = s.undoJob(ctx, job, undone.Area(), r.report, r.proposeIn(ctx))
		}
	default:
		if err = r.openDryRun(ctx); err == nil {
			err = s.writeNew(ctx, job, r.report, r.proposeIn(ctx))
		}
	}
	switch {
	case errors.Is(err, errPropose):
		s.logger.InfoContext(ctx, "job waits for approval", "job", job.ID, "reason", r.proposal.reason)
		r.stats.DryRun = true
		return &events.Proposed{
			Outcomes: r.outcomes, Stats: r.stats, IEC: r.iec, Reason: r.proposal.reason, Digest: r.proposal.digest,
		}, nil
	case isUnavailable(err):
		return nil, s.postpone(job, err)
	case err != nil:
		return nil, fmt.Errorf("persist: %w", err)
	}
	if r.stats.Errors > 0 {
		s.logger.WarnContext(ctx, "database refused rows", "job", job.ID, "rows", r.stats.Errors)
	}
	return &events.Persisted{Outcomes: r.outcomes, Stats: r.stats, IEC: r.iec}, nil
}

// writeNew writes a job that has no ledger row. It fetches the artifacts before
// the transaction begins, so that no lock is held while they arrive.
func (s *Service) writeNew(ctx context.Context, job *events.Job, progress func(int, string),
	storeOutcomes outcomesStep) error {
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
	return s.mergePeople(ctx, job, pairUp(readAhead(rows), readAhead(verdicts)), progress, storeOutcomes)
}

// outcomesStep is the last step of a transaction that writes a job. written says that
// the members were written by an earlier transaction, so that nothing is left to decide.
type outcomesStep func(tx *sqlx.Tx, written bool) error

// mergePeople merges people in one transaction, with storeOutcomes as its last step.
func (s *Service) mergePeople(ctx context.Context, job *events.Job, people iter.Seq2[person, error],
	progress func(int, string), storeOutcomes outcomesStep) error {
	return s.transaction(ctx, !job.Options.DryRun, func(conn *sqlx.Conn, tx *sqlx.Tx) error {
		m := merge{tx: tx, conn: conn, job: job, area: access.NewBounds(job.Area()), now: s.now(),
			mode: job.Options.Mode, sql: keeping, total: job.Validated.Rows.Records, progress: progress,
			openSpool: s.openSpool}
		if job.Options.AllowClear {
			m.sql = clearing
		}
		// The last moment before the members are written: whoever objects later is
		// removed when the job has ended.
		left := &leftOut{}
		if s.objections != nil {
			var err error
			if left.objections, err = s.objections(ctx); err != nil {
				return err
			}
		}
		claimed, err := m.run(ctx, left.filter(people))
		if err != nil {
			return err
		}
		if err := left.record(ctx, tx, job.ID); err != nil {
			return err
		}
		return storeOutcomes(tx, !claimed)
	})
}

// openSpool opens a file for what does not fit into memory.
func (s *Service) openSpool() (*os.File, error) {
	if s.store == nil {
		return events.OpenSpool("")
	}
	return s.store.OpenSpool()
}

// transaction runs work in one transaction. It commits if commit is true and work
// returns nil, and rolls back in every other case.
func (s *Service) transaction(ctx context.Context, commit bool, work func(*sqlx.Conn, *sqlx.Tx) error) error {
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", redact(err))
	}
	defer func() { _ = conn.Close() }() // returns it to the pool
	// Each statement has ctx. The transaction itself has not: database/sql would
	// roll it back from another goroutine, in the middle of a COPY. The isolation
	// level is explicit, because each statement must see what others have committed
	// before it, whatever the server's default is.
	tx, err := conn.BeginTxx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", redact(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
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
		return fmt.Errorf("commit: %w", redact(err))
	}
	return nil
}
