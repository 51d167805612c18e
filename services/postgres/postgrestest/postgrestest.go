// Package postgrestest gives tests a migrated database each, on one private
// server a process. Imported from _test.go files only.
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

// cluster is the server that the tests of a process share.
var cluster struct {
	sync.Mutex
	server *postgres.Server
	dir    string
	count  atomic.Int64
}

const template = "rollcall_template"

// Main runs the tests of a package, stops the server, and fails on goroutines
// that are left. Call it from TestMain.
func Main(m *testing.M, ignore ...goleak.Option) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop postgresql:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(ignore...); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// New returns a migrated database of the test's own.
func New(t testing.TB) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), URL(t))
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

// URL is that of a migrated database of the test's own, dropped at its end.
func URL(t testing.TB) string {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", cluster.count.Add(1))
	if err := execute(server.URL(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execute(server.URL(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return in(server.URL(), name)
}

// in is the URL of another database of the same server.
func in(url, database string) string {
	return strings.Replace(url, "dbname=rollcall", "dbname="+database, 1)
}

func start() (*postgres.Server, error) {
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.server != nil {
		return cluster.server, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "rollcall-test-")
	if err != nil {
		return nil, err
	}
	cluster.dir = dir
	server, err := postgres.Start(ctx, postgres.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	cluster.server = server
	if err := execute(server.URL(), "CREATE DATABASE "+template); err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, in(server.URL(), template))
	if err != nil {
		return nil, err
	}
	return server, errors.Join(postgres.Migrate(ctx, db), db.Close())
}

func stop() error {
	cluster.Lock()
	defer cluster.Unlock()
	var err error
	if cluster.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = cluster.server.Stop(ctx)
	}
	if cluster.dir != "" {
		err = errors.Join(err, os.RemoveAll(cluster.dir))
	}
	return err
}

func execute(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := postgres.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}
