// Package jobs owns the table jobs: what lists and counts of jobs are answered
// from. It is a projection of the log, one row a job, and holds nothing that the
// log does not say: it can be dropped and rebuilt. All SQL on the table is here.
package jobs

import (
	"log/slog"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events"
)

// Config is what a Table works with. All fields but Logger are required.
type Config struct {
	// DB has the table jobs. To write it needs SELECT, INSERT and UPDATE.
	DB *sqlx.DB
	// Log may read BULK, and for Run consume events.ConsumerProjection.
	Log *events.Log
	// Logger gets what operators need to know; nil discards.
	Logger *slog.Logger
}

// Table is the table jobs. It is safe for concurrent use.
type Table struct {
	db     *sqlx.DB
	log    *events.Log
	logger *slog.Logger
}

// New returns the table. The projection does nothing until Run is called.
func New(cfg Config) *Table {
	return &Table{db: cfg.DB, log: cfg.Log, logger: events.Logger(cfg.Logger)}
}
