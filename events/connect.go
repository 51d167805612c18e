package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// apiTimeout limits one call of the JetStream API. An acknowledgement waits for
// the disk, which can take long on a busy machine.
const apiTimeout = 20 * time.Second

// Connection says how to reach NATS as one user.
type Connection struct {
	// URL is the address of the server, or of several, separated by commas. It
	// is ignored when InProcess is set.
	URL string
	// User and Password are the login. Without a password none is sent; that
	// suits a server without accounts, or a URL that holds the login.
	User, Password string
	// InProcess is an embedded server to connect to without a socket; nil means
	// none.
	InProcess nats.InProcessConnProvider
	// CA is a file with the certificates of the authorities that may sign the
	// server's certificate. With it, connections without TLS are refused. ""
	// means the authorities of the system, and TLS only when the URL (tls://)
	// or the server asks for it.
	CA string
	// Cert and Key are the files of the client certificate; "" means none.
	Cert, Key string
	// Logger logs lost connections and denied permissions; nil discards.
	Logger *slog.Logger
}

// Connect opens a connection that reconnects for ever. Its replies come to an
// inbox of the user's own, the only one that the user may subscribe to. The
// caller closes the connection.
func Connect(c Connection) (jetstream.JetStream, error) {
	log := Logger(c.Logger).With("nats_user", c.User)
	opts := []nats.Option{
		nats.Name("rollcall " + c.User),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.CustomInboxPrefix("_INBOX_" + c.User),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats connection lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("nats connection restored") }),
		// The caller of a denied publish sees a timeout. Only this handler knows why.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Error("nats error, perhaps a denied permission", "err", err)
		}),
	}
	if c.Password != "" {
		opts = append(opts, nats.UserInfo(c.User, c.Password))
	}
	if c.CA != "" {
		opts = append(opts, nats.RootCAs(c.CA))
	}
	if c.Cert != "" || c.Key != "" {
		opts = append(opts, nats.ClientCert(c.Cert, c.Key))
	}
	if c.InProcess != nil {
		opts = append(opts, nats.InProcessServer(c.InProcess))
	}
	nc, err := nats.Connect(c.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats as %s: %w", c.User, err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to nats as %s: %w", c.User, err)
	}
	return js, nil
}

// WatchClosed returns an error once a connection is closed for good. That
// happens when NATS refuses its user or password twice, for instance after a
// change. The client does not try again then, so whoever uses the connection
// cannot work any more. WatchClosed returns nil when ctx ends.
func WatchClosed(ctx context.Context, js jetstream.JetStream) error {
	nc := js.Conn()
	closed := nc.StatusChanged(nats.CLOSED)
	defer nc.RemoveStatusListener(closed)
	if !nc.IsClosed() { // else it was closed before the listener was there
		select {
		case <-ctx.Done():
		case <-closed:
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", nc.Opts.Name, ClosedForGood(nc))
}

// ClosedForGood returns why the client gave up a connection. The error wraps
// nats.ErrConnectionClosed.
func ClosedForGood(nc *nats.Conn) error {
	if last := nc.LastError(); last != nil && !errors.Is(last, nats.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", nats.ErrConnectionClosed, last)
	}
	return nats.ErrConnectionClosed
}
