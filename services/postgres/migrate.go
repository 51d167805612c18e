package postgres

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"rollcall.example/schema"
)

func provider(db *sqlx.DB) (*goose.Provider, error) {
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		return nil, err
	}
	// Processes that start together wait for each other, up to five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db.DB, files, goose.WithSessionLocker(locker))
}

// Migrate brings the tables to this version. Any number of processes may call
// it at once.
func Migrate(ctx context.Context, db *sqlx.DB) error {
	p, err := provider(db)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Ready reports in words what keeps the database from being used.
func Ready(ctx context.Context, db *sqlx.DB) error {
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("database does not answer: %w", err)
	}
	p, err := provider(db)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if pending {
		return fmt.Errorf("database is of an older version: run rollcall migrate")
	}
	return nil
}

// Versions are the database's and the newest that this program knows, 0 for a
// database without tables.
func Versions(ctx context.Context, db *sqlx.DB) (have, known int64, err error) {
	p, err := provider(db)
	if err != nil {
		return 0, 0, fmt.Errorf("database: %w", err)
	}
	if have, known, err = p.GetVersions(ctx); err != nil {
		return 0, 0, fmt.Errorf("database: %w", err)
	}
	return have, known, nil
}
