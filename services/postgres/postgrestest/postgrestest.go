// Package postgrestest gives each test a migrated database of its own, on one
// private server per process. Imported from _test.go files only.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"go.uber.org/goleak"

	"rollcall.example/services/postgres"
)

const (
	template = "rollcall_template"
	timeout  = time.Minute // of any one operation
)

// shared is the server that the tests of a process share. The first test starts it
// and migrates a database that the others copy.
type shared struct {
	dir    string
	server *postgres.Server // nil if it did not start
	err    error
}

var (
	sharedServer = sync.OnceValue(startShared)
	started      atomic.Bool
	databases    atomic.Int64
)

// Main runs the tests of a package, usually a *testing.M, stops the server, and fails
// if goroutines are left. Call it from TestMain; it does not return.
func Main(m interface{ Run() int }, ignore ...goleak.Option) {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stop postgresql:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(ignore...); err != nil {
			fmt.Fprintln(os.Stderr, "leaked goroutines:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// New returns a migrated database that belongs to the test alone.
func New(t testing.TB) *sqlx.DB {
	t.Helper()
	return Open(t, URL(t))
}

// Open connects to the database of a URL until the test ends.
func Open(t testing.TB, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// URL makes a migrated database that belongs to the test alone and returns its URL.
// The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	c := sharedServer()
	if c.err != nil {
		t.Fatal(c.err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := execute(c.server.URL(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execute(c.server.URL(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return urlOf(c.server.URL(), name)
}

// urlOf returns the URL of another database of the same server.
func urlOf(url, database string) string {
	return strings.Replace(url, "dbname=rollcall", "dbname="+database, 1)
}

func startShared() (c shared) {
	started.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if c.dir, c.err = os.MkdirTemp("", "rollcall-test-"); c.err != nil {
		return c
	}
	if c.server, c.err = postgres.Start(ctx, postgres.Config{Dir: c.dir}); c.err != nil {
		return c
	}
	if c.err = execute(c.server.URL(), "CREATE DATABASE "+template); c.err != nil {
		return c
	}
	db, err := postgres.Open(ctx, urlOf(c.server.URL(), template))
	if err != nil {
		c.err = err
		return c
	}
	c.err = errors.Join(postgres.Migrate(ctx, db), db.Close())
	return c
}

func stopShared() error {
	if !started.Load() {
		return nil
	}
	c := sharedServer()
	var err error
	if c.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		err = c.server.Stop(ctx)
	}
	if c.dir != "" {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}

func execute(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}
