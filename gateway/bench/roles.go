//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof" // to profile the gateway under load
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
)

// Environment variables of the processes that this one starts.
const (
	roleVariable    = "ROLLCALL_BENCH_ROLE"
	dirVariable     = "ROLLCALL_BENCH_DIR"
	natsVariable    = "ROLLCALL_BENCH_NATS"
	addrVariable    = "ROLLCALL_BENCH_ADDR"
	secretVariable  = "ROLLCALL_BENCH_SECRET"
	returnsVariable = "ROLLCALL_BENCH_RETURNS" // of gateway.Config
)

// runRole runs the process of a name, and reports whether there is one. The process ends
// when its standard input does, so that it does not outlive the one that started it.
func runRole(name string) bool {
	roles := map[string]func(context.Context) error{"nats": runNATS, "gateway": runGateway, "fleet": runFleet}
	run, ok := roles[name]
	if !ok {
		return false
	}
	signal.Ignore(os.Interrupt) // the process that started it decides
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		var b [1]byte
		_, _ = os.Stdin.Read(b[:]) // nothing is ever written to it
	}()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
		os.Exit(1)
	}
	return true
}

func runNATS(ctx context.Context) error {
	passwords := map[string]string{}
	for _, user := range embedded.Users {
		passwords[user] = os.Getenv(secretVariable)
	}
	srv, err := embedded.Start(embedded.Config{Dir: os.Getenv(dirVariable), Passwords: passwords, Logger: newLogger()})
	if err != nil {
		return err
	}
	defer srv.Stop()
	js, err := srv.Connect("provisioner")
	if err != nil {
		return err
	}
	defer js.Conn().Close()
	if err := events.Provision(ctx, js, events.ProvisionConfig{}); err != nil {
		return err
	}
	fmt.Println(srv.URL())
	<-ctx.Done()
	return nil
}

func connectNATS(url, user, password string) (jetstream.JetStream, error) {
	return events.Connect(events.Connection{URL: url, User: user, Password: password, Logger: newLogger()})
}

// natsTries is how often a gateway tries to connect: NATS may have no processor for seconds
// while 100,000 clients come back.
const natsTries = 10

func runGateway(ctx context.Context) error {
	gateway.SaveMemory()
	secret := os.Getenv(secretVariable)
	var js [3]jetstream.JetStream
	for i := range js {
		var err error
		js[i], err = connectNATS(os.Getenv(natsVariable), "gateway", secret)
		for try := 1; err != nil && try < natsTries && ctx.Err() == nil; try++ { // as the services do
			js[i], err = connectNATS(os.Getenv(natsVariable), "gateway", secret)
		}
		if err != nil {
			return err
		}
		defer js[i].Conn().Close()
	}
	verifier, err := auth.New(ctx, auth.Config{Secret: secret})
	if err != nil {
		return err
	}
	defer verifier.Close()
	returns, err := strconv.Atoi(os.Getenv(returnsVariable))
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{JetStream: js[0], History: js[1:], Verifier: verifier, Logger: newLogger(),
		Connections: 1 << 20, Returns: returns, WriteTimeout: 2 * time.Minute}) // no client reads until all are connected
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", os.Getenv(addrVariable))
	if err != nil {
		return err
	}
	http.Handle("/ws", g)
	http.HandleFunc("/socket.io/", g.ServeSocketIO)
	http.HandleFunc("/memory", serveMemory)
	srv := &http.Server{}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	fmt.Println(ln.Addr())
	closed := make(chan error, 1)
	context.AfterFunc(ctx, func() { closed <- srv.Close() }) // takes no more clients while it sends its own away
	err = g.Run(ctx)
	<-served
	return errors.Join(err, <-closed)
}

// memory is what the gateway's process uses, in bytes.
type memory struct {
	Heap, Stacks, Resident uint64
	Goroutines             int
}

// serveMemory measures after a garbage collection.
func serveMemory(w http.ResponseWriter, _ *http.Request) {
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m := memory{Heap: s.HeapAlloc, Stacks: s.StackInuse, Goroutines: runtime.NumGoroutine(),
		Resident: readResident("/proc/self/statm")}
	_ = json.NewEncoder(w).Encode(m) // the client sees it
}

// readResident returns the resident memory in bytes of the process that a statm is of, 0
// where the system does not say.
func readResident(statm string) uint64 {
	text, err := os.ReadFile(statm)
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(syscall.Getpagesize())
}

func newLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
