package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"rollcall.example/schema"
)

func newProvider(db *sqlx.DB) (*goose.Provider, error) {
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		return nil, err
	}
	// Processes that start together wait for each other, at most five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db.DB, files, goose.WithSessionLocker(locker))
}

// Migrate applies all migrations that the database lacks. Any number of processes
// may call it at once.
func Migrate(ctx context.Context, db *sqlx.DB) error {
	p, err := newProvider(db)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Ready returns an error if the database does not answer or lacks a migration.
func Ready(ctx context.Context, db *sqlx.DB) error {
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("database does not answer: %w", err)
	}
	p, err := newProvider(db)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if pending {
		return errors.New("database lacks migrations: run rollcall migrate")
	}
	return nil
}

// Versions returns the schema version of the database, 0 without tables, and the
// newest that this program knows.
func Versions(ctx context.Context, db *sqlx.DB) (current, newest int64, err error) {
	p, err := newProvider(db)
	if err != nil {
		return 0, 0, fmt.Errorf("database: %w", err)
	}
	if current, newest, err = p.GetVersions(ctx); err != nil {
		return 0, 0, fmt.Errorf("database: %w", err)
	}
	return current, newest, nil
}
