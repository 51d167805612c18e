package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall.example/services/postgres"
)

// database is a private PostgreSQL that can be killed, and that is reached over TCP
// too, so that a link to it can be broken.
type database struct {
	dir string
	ln  net.Listener

	mu     sync.Mutex // held while it is down
	server *postgres.Server
	socket string
}

// startDatabase starts the server with track_commit_timestamp, because the model
// needs the order of commits.
func startDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{dir: t.TempDir()}
	if err := d.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := d.server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	db, err := postgres.Open(t.Context(), d.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "ALTER SYSTEM SET track_commit_timestamp = on")
	if err = errors.Join(err, db.Close(), d.server.Stop(t.Context()), d.start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if d.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { d.forward(&serving) })
	t.Cleanup(func() {
		if err := d.ln.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
	return d
}

// start needs mu, except before the database is shared.
func (d *database) start(ctx context.Context) (err error) {
	d.server, err = postgres.Start(ctx, postgres.Config{Dir: d.dir})
	if err != nil {
		return err
	}
	for field := range strings.FieldsSeq(d.server.URL()) {
		if dir, ok := strings.CutPrefix(field, "host="); ok {
			d.socket = filepath.Join(dir, ".s.PGSQL.5432")
		}
	}
	return nil
}

// forward forwards connections to the server's socket.
func (d *database) forward(serving *sync.WaitGroup) {
	for {
		client, err := d.ln.Accept()
		if err != nil {
			return // closed
		}
		serving.Go(func() {
			defer func() { _ = client.Close() }() // the other side may have closed it
			server, err := net.Dial("unix", d.currentSocket())
			if err != nil {
				return // the server is down; the client sees its connection end
			}
			defer func() { _ = server.Close() }()
			var both sync.WaitGroup
			pass := func(to, from net.Conn) {
				_, _ = io.Copy(to, from) // either side may be killed
				_, _ = to.Close(), from.Close()
			}
			both.Go(func() { pass(server, client) })
			both.Go(func() { pass(client, server) })
			both.Wait()
		})
	}
}

func (d *database) currentSocket() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.socket
}

// killAndRestart kills all processes of the server at once, waits for down, and starts
// the server again on the same data.
func (d *database) killAndRestart(down time.Duration) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, err := os.ReadFile(filepath.Join(d.dir, "data", "postmaster.pid"))
	if err != nil {
		return false, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	parent, err := strconv.Atoi(first)
	if err != nil {
		return false, fmt.Errorf("read postmaster.pid: %w", err)
	}
	for _, pid := range append([]int{parent}, childrenOf(parent)...) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return false, fmt.Errorf("kill PostgreSQL: %w", err)
		}
	}
	<-d.server.Done()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := d.server.Stop(ctx); err != nil {
		return true, err
	}
	time.Sleep(down)
	return true, d.start(ctx)
}

// childrenOf needs /proc. Without it, PostgreSQL's processes end by themselves when
// they notice that their parent is dead.
func childrenOf(parent int) (list []int) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		panic(err) // a bad pattern
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name in parentheses may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		fields := strings.Fields(rest)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			list = append(list, pid)
		}
	}
	return list
}
