// Package embedded runs a NATS server inside the process. It uses the same
// nats.conf as a server that runs by itself.
package embedded

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/permissions"
)

// Conf is the nats.conf of the root folder at build time. A test fails when the
// two differ; go generate in events/permissions makes them equal.
//
//go:embed nats.conf
var Conf []byte

// Users are the names of the users in nats.conf.
var Users = permissions.Names()

// Config says where the server stores its streams and who may connect. Only Dir
// is required.
type Config struct {
	// Conf is the configuration; nil means the built-in Conf.
	Conf []byte
	// Dir is the folder of the streams.
	Dir string
	// Addr is the host:port to listen on; port 0 means a free port. "" means a
	// free port of 127.0.0.1.
	Addr string
	// Cert and Key are the files of the TLS certificate. They replace the TLS
	// settings of Conf; "" keeps those.
	Cert, Key string
	// StoreKey encrypts the streams on the disk, at least 32 bytes. "" encrypts
	// nothing. A store that was made without a key stays as it is: see Encrypt.
	StoreKey string
	// Passwords are the passwords by user. A user without one gets a random
	// password.
	Passwords map[string]string
	// Logger logs the warnings and errors of the server; nil discards.
	Logger *slog.Logger
}

// Server is a running NATS server.
type Server struct {
	ns        *server.Server
	passwords map[string]string
	logger    *slog.Logger
}

// PasswordVariable returns the name of the variable that holds a user's
// password, in nats.conf and in the environment.
func PasswordVariable(user string) string {
	return "ROLLCALL_NATS_PASSWORD_" + strings.ToUpper(user)
}

// StoreKeyVariable is the name of the variable that holds the key of the store,
// in nats.conf and in the environment.
const StoreKeyVariable = "ROLLCALL_NATS_STORE_KEY"

// Start runs a server and returns once it accepts connections. The caller calls
// Stop. A key that is not the one of the store is an ErrStoreKey, and changes
// nothing.
func Start(cfg Config) (*Server, error) {
	opts, passwords, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	log := events.Logger(cfg.Logger).With("part", "nats")
	state, err := checkStore(opts.StoreDir, opts.JetStreamKey)
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	if state == Plain {
		// With a key the server would encrypt it in place, and lose what a crash meets.
		opts.JetStreamKey = ""
		log.Warn("the streams are not encrypted on the disk, for they were made without a key; "+
			"stop this and run: rollcall encrypt", "dir", opts.StoreDir)
	}
	ns, err := run(opts, log)
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	return &Server{ns: ns, passwords: passwords, logger: events.Logger(cfg.Logger)}, nil
}

// options returns the configuration for the server, and the passwords by user.
func (cfg Config) options() (*server.Options, map[string]string, error) {
	conf := cfg.Conf
	if conf == nil {
		conf = Conf
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	// Definitions in the text win over the environment, which other servers of
	// the same process share.
	var text strings.Builder
	fmt.Fprintf(&text, "ROLLCALL_NATS_STORE: %s\n", strconv.Quote(dir))
	fmt.Fprintf(&text, "%s: %s\n", StoreKeyVariable, strconv.Quote(cfg.StoreKey))
	passwords := make(map[string]string, len(Users))
	for _, user := range Users {
		passwords[user] = cfg.Passwords[user]
		if passwords[user] == "" {
			passwords[user] = randomPassword()
		}
		fmt.Fprintf(&text, "%s: %s\n", PasswordVariable(user), strconv.Quote(passwords[user]))
	}
	text.Write(conf)
	if cfg.Cert != "" || cfg.Key != "" {
		fmt.Fprintf(&text, "\ntls { cert_file: %s, key_file: %s }\n", strconv.Quote(cfg.Cert), strconv.Quote(cfg.Key))
	}
	opts := &server.Options{}
	if err := opts.ProcessConfigString(text.String()); err != nil {
		return nil, nil, fmt.Errorf("read nats.conf: %w", err)
	}
	opts.Host, opts.Port = "127.0.0.1", server.RANDOM_PORT
	if cfg.Addr != "" {
		host, port, err := net.SplitHostPort(cfg.Addr)
		if err != nil {
			return nil, nil, err
		}
		opts.Host = host
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, nil, fmt.Errorf("port %q: %w", port, err)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	// The process serves health and handles signals itself.
	opts.HTTPHost, opts.HTTPPort, opts.NoSigs = "", 0, true
	return opts, passwords, nil
}

// run starts a server and waits until it is ready.
func run(opts *server.Options, log *slog.Logger) (*server.Server, error) {
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	ns.SetLoggerV2(slogger{log}, false, false, false)
	ns.Start()
	if !ns.ReadyForConnections(20 * time.Second) {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, errors.New("not ready within 20 s; its log says why")
	}
	return ns, nil
}

// URL returns the address for clients, without a password.
func (s *Server) URL() string { return s.ns.ClientURL() }

// Password returns the password of a user.
func (s *Server) Password(user string) string { return s.passwords[user] }

// Connect opens a connection as user that needs no socket. The caller closes it
// before Stop.
func (s *Server) Connect(user string) (jetstream.JetStream, error) {
	return events.Connect(events.Connection{User: user, Password: s.passwords[user], InProcess: s.ns, Logger: s.logger})
}

// Stop shuts the server down and waits for its end.
func (s *Server) Stop() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

func randomPassword() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // cannot fail: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}

// slogger passes the log of the server on to slog. Notices are routine, so they
// become debug lines.
type slogger struct{ log *slog.Logger }

func (l slogger) Noticef(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }

func (l slogger) Warnf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	if strings.HasPrefix(text, "Plaintext passwords") {
		l.log.Debug(text) // they are random and in memory only
		return
	}
	l.log.Warn(text)
}

func (l slogger) Errorf(f string, v ...any) { l.log.Error(fmt.Sprintf(f, v...)) }
func (l slogger) Fatalf(f string, v ...any) { l.log.Error(fmt.Sprintf(f, v...)) }
func (l slogger) Debugf(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l slogger) Tracef(string, ...any)     {}
